//! A minimal data structure definition from what a mapping says: SDMX-JSON 2.0, marked as inferred.

use serde_json::{Value, json};

use super::Mapping;
use crate::formats::model::{OBS_VALUE, TIME_PERIOD};

/// Its name among the files of a release.
pub const FILE_NAME: &str = "structure.inferred.json";
/// A draft in the sense of SDMX 3.0: it may change with each release.
const VERSION: &str = "1.0.0-draft";
const SCHEMA: &str = "https://raw.githubusercontent.com/sdmx-twg/sdmx-json/master/structure-message/tools/schemas/2.0.0/sdmx-json-structure-schema.json";
const NOTE: &str = "Inferred from the mapping of a plain table: components without codelists";

/// A structure message with one definition, `AGENCY:ID(1.0.0-draft)`, and the concepts that it names.
/// `prepared` is RFC 3339.
pub fn structure_message(mapping: &Mapping, agency: &str, id: &str, prepared: &str) -> Vec<u8> {
    let component = |component: &str, data_type: &str, more: Value| {
        let concept = format!("{agency}:{id}({VERSION}).{component}");
        let mut described = json!({
            "id": component,
            "conceptIdentity": format!("urn:sdmx:org.sdmx.infomodel.conceptscheme.Concept={concept}"),
            "localRepresentation": { "format": { "dataType": data_type } },
        });
        if let (Some(described), Value::Object(more)) = (described.as_object_mut(), more) {
            described.extend(more);
        }
        described
    };
    let keys = mapping.dimension_ids();
    let dimensions = keys.iter().filter(|id| *id != TIME_PERIOD).enumerate();
    let dimensions = dimensions.map(|(n, id)| component(id, "String", json!({ "position": n })));
    let mut dimension_list =
        json!({ "id": "DimensionDescriptor", "dimensions": dimensions.collect::<Value>() });
    if keys.iter().any(|id| id == TIME_PERIOD) {
        dimension_list["timeDimension"] = component(TIME_PERIOD, "ObservationalTimePeriod", json!({}));
    }
    let of_observation = json!({ "usage": "optional", "attributeRelationship": { "observation": {} } });
    let attributes = mapping.attributes.iter().map(|a| component(&a.id, "String", of_observation.clone()));
    let measure = component(OBS_VALUE, "Decimal", json!({ "usage": "optional" }));
    let named = json!({ "id": id, "agencyID": agency, "version": VERSION, "name": id });
    let concepts = keys.iter().map(String::as_str).chain(mapping.attributes.iter().map(|a| a.id.as_str()));
    let concepts = concepts.chain([OBS_VALUE]).map(|id| json!({ "id": id, "name": id }));
    let (mut scheme, mut definition) = (named.clone(), named);
    scheme["concepts"] = concepts.collect();
    definition["annotations"] = json!([{ "type": "INFERRED", "title": NOTE }]);
    definition["dataStructureComponents"] = json!({
        "dimensionList": dimension_list,
        "measureList": { "id": "MeasureDescriptor", "measures": [measure] },
    });
    if !mapping.attributes.is_empty() {
        definition["dataStructureComponents"]["attributeList"] =
            json!({ "id": "AttributeDescriptor", "attributes": attributes.collect::<Value>() });
    }
    let message = json!({
        "meta": {
            "schema": SCHEMA,
            "id": format!("{agency}_{id}"),
            "test": false,
            "prepared": prepared,
            "contentLanguages": ["en"],
            "sender": { "id": agency },
        },
        "data": { "conceptSchemes": [scheme], "dataStructures": [definition] },
    });
    format!("{message:#}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::{self, structure::Role};

    #[test]
    fn our_own_reader_finds_the_components_of_the_example() {
        let mapping = Mapping::parse(include_str!("../../../deploy/mapping.example.toml")).unwrap();
        let message = structure_message(&mapping, "FJ", "RATES", "2026-11-27T00:00:00Z");
        let (found, said, faults) = formats::read_structure(&mut std::io::Cursor::new(message)).unwrap();
        assert_eq!((said.format.as_str(), faults.has_errors()), ("SDMX-JSON structure", false));
        let [dsd] = found.dsds() else { panic!("{found:?}") };
        assert_eq!(dsd.reference(), "FJ:RATES(1.0.0-draft)");
        assert_eq!(dsd.dimensions, mapping.dimension_ids());
        assert_eq!(dsd.primary_measure(), OBS_VALUE);
        assert!(mapping.attributes.iter().all(|a| dsd.role(&a.id) == Some(Role::Attribute)));
    }
}
