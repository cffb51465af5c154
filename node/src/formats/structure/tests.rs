use super::*;

fn component(id: &str, role: Role) -> Component {
    Component { codelist: "A:CL".into(), ..Component::new(id, role) }
}

#[test]
fn a_definition_is_found_by_its_name_its_flow_or_alone() {
    let mut catalogue = Catalogue::keeping_codes();
    catalogue.begin_dsd("A:ONE".into(), "2.1".into()).unwrap();
    catalogue.add_component(component("FREQ", Role::Dimension)).unwrap();
    assert_eq!(catalogue.dsd_of("", "X:ANY(1.0)").unwrap().reference(), "A:ONE(2.1)");
    catalogue.begin_dsd("A:TWO".into(), String::new()).unwrap();
    catalogue.add_component(component("SEX", Role::Dimension)).unwrap();
    catalogue.add_dataflow("A:FLOW".into(), "A:TWO".into()).unwrap();
    assert_eq!(catalogue.dsd_of("", "A:ONE(2.0)").unwrap().name, "A:ONE");
    assert_eq!(catalogue.dsd_of("", "A:FLOW(1.0+)").unwrap().reference(), "A:TWO(1.0)");
    assert!(catalogue.dsd_of("", "X:ANY(1.0)").is_none());
    catalogue.add_dataflow("A:ONE".into(), "A:TWO".into()).unwrap();
    assert_eq!(catalogue.dsd_of("dataflow", "A:ONE(1.0)").unwrap().name, "A:TWO");
    assert_eq!(catalogue.dsd_of("datastructure", "A:ONE(2.1)").unwrap().name, "A:ONE");
}

#[test]
fn codes_are_counted_always_and_kept_when_asked() {
    let (mut kept, mut counted) = (Catalogue::keeping_codes(), Catalogue::default());
    for catalogue in [&mut kept, &mut counted] {
        catalogue.add_code("A:CL", "F").unwrap();
    }
    let sex = component("SEX", Role::Dimension);
    assert!(kept.codes_of(&sex).unwrap().contains("F"));
    assert!(counted.codes_of(&sex).is_none());
    assert_eq!((kept.codes, counted.codes), (1, 1));
}

#[test]
fn urns_are_cut_where_the_standard_cuts_them() {
    assert_eq!(
        of_urn("urn:sdmx:org.sdmx.infomodel.codelist.Codelist=ECB:CL_FREQ(1.0+)"),
        "ECB:CL_FREQ(1.0+)"
    );
    let concept = "urn:sdmx:org.sdmx.infomodel.conceptscheme.Concept=ECB:C(1.0).FREQ";
    assert_eq!((concept_of_urn(concept).as_str(), item_of_urn(concept)), ("ECB:C.FREQ", "FREQ"));
    assert_eq!(concept_of_urn("x"), "");
    assert_eq!((of_urn("x"), item_of_urn("x")), (String::new(), ""));
}

#[test]
fn a_key_is_presumed_from_the_order_of_columns() {
    let cases: [(&[&str], &[&str]); 7] = [
        (&["FREQ", "TIME_PERIOD", "OBS_STATUS", "OBS_VALUE"], &["FREQ", "TIME_PERIOD"]),
        (&["FREQ", "SEX", "OBS_VALUE", "TIME_PERIOD"], &["FREQ", "SEX", "TIME_PERIOD"]),
        (&["TIME_PERIOD", "SEX", "OBS_VALUE"], &["TIME_PERIOD", "SEX"]),
        (&["DIM_1", "DIM_2", "OBS_VALUE", "ATTR"], &["DIM_1", "DIM_2"]),
        (&["LAST UPDATE", "geo", "TIME_PERIOD", "OBS_VALUE"], &["geo", "TIME_PERIOD"]),
        (&["OBS_VALUE", "SEX", "TIME_PERIOD"], &["TIME_PERIOD"]),
        (&["M1", "M2", "ATTR"], &[]),
    ];
    for (ids, expected) in cases {
        let presumed = PresumedKey::of(ids.iter().copied());
        let key = ids.iter().enumerate().filter(|(n, id)| presumed.has(*n, id)).map(|(_, id)| *id);
        assert_eq!(key.collect::<Vec<_>>(), expected, "{ids:?}");
    }
}
