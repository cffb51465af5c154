use super::*;

const STRUCTURE: &str = r#"<m:Structure xmlns:m="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message" xmlns:s="urn:s" xmlns:c="urn:c"><m:Header/><m:Structures>
<s:Dataflows><s:Dataflow id="FLOW" agencyID="A" version="1.0"><s:Structure><Ref id="DSD" agencyID="A" version="1.0"/></s:Structure></s:Dataflow></s:Dataflows>
<s:Codelists><s:Codelist id="CL_SEX" agencyID="A"><s:Code id="F"/><s:Code id="M"><c:Name>men</c:Name></s:Code></s:Codelist>
<s:Codelist id="CL_ST" agencyID="A"><s:Code id="A"/></s:Codelist></s:Codelists>
<s:Concepts><s:ConceptScheme id="CS" agencyID="A"><s:Concept id="ST"><s:CoreRepresentation><s:Enumeration><Ref id="CL_ST" agencyID="A" class="Codelist"/></s:Enumeration></s:CoreRepresentation></s:Concept></s:ConceptScheme></s:Concepts>
<s:DataStructures><s:DataStructure id="DSD" agencyID="A"><s:DataStructureComponents>
<s:DimensionList><s:Dimension><s:ConceptIdentity><Ref agencyID="A" maintainableParentID="CS" id="SEX"/></s:ConceptIdentity>
<s:LocalRepresentation><s:Enumeration><URN>urn:sdmx:org.sdmx.infomodel.codelist.Codelist=A:CL_SEX(1.0)</URN></s:Enumeration></s:LocalRepresentation></s:Dimension>
<s:Dimension id="AGE"/><s:TimeDimension/></s:DimensionList>
<s:AttributeList><s:Attribute id="STATUS"><s:ConceptIdentity>urn:sdmx:org.sdmx.infomodel.conceptscheme.Concept=A:CS(1.0).ST</s:ConceptIdentity>
<s:AttributeRelationship><s:Dimension><Ref id="SEX"/></s:Dimension></s:AttributeRelationship></s:Attribute></s:AttributeList>
<s:MeasureList><s:PrimaryMeasure id="VALUE"/></s:MeasureList></s:DataStructureComponents></s:DataStructure></s:DataStructures>
</m:Structures></m:Structure>"#;

const JSON: &str = r#"{"meta":{"schema":"https://json.sdmx.org/2.0.0/sdmx-json-structure-schema.json"},"data":{
"dataflows":[{"id":"FLOW","agencyID":"A","structure":"urn:sdmx:org.sdmx.infomodel.datastructure.DataStructure=A:DSD(1.0)"}],
"codelists":[{"codes":[{"id":"F"},{"id":"M"}],"id":"CL_SEX","agencyID":"A"},{"id":"CL_ST","agencyID":"A","codes":[{"id":"A"}]}],
"dataStructures":[{"id":"DSD","agencyID":"A","dataStructureComponents":{
"measureList":{"measures":[{"id":"VALUE"}]},
"dimensionList":{"timeDimension":{"id":"TIME_PERIOD"},"dimensions":[{"id":"SEX","localRepresentation":{"enumeration":"urn:sdmx:org.sdmx.infomodel.codelist.Codelist=A:CL_SEX(1.0)"}},{"id":"AGE"}]},
"attributeList":{"attributes":[{"id":"STATUS","localRepresentation":{"enumeration":"urn:sdmx:org.sdmx.infomodel.codelist.Codelist=A:CL_ST(1.0)"}}]}}}]}}"#;

#[test]
fn structures_are_counted() {
    for text in [STRUCTURE, JSON] {
        let report = look_at(text);
        assert_eq!((report.kind(), report.codes, report.is_whole()), (Some(Kind::Structure), 3, true));
        assert_eq!(report.dimensions, ["SEX", "AGE", "TIME_PERIOD"]);
    }
}

#[test]
fn a_file_is_checked_against_its_definition() {
    let csv = "STRUCTURE,STRUCTURE_ID,ACTION,VALUE,STATUS,TIME_PERIOD,AGE,SEX,UPDATED\n\
        dataflow,A:FLOW(1.0),I,1.5,A,2001,Y0T4,F,x\n\
        dataflow,A:FLOW(1.0),I,2,Z,2001,Y0T4,X,x\n\
        dataflow,A:FLOW(1.0),I,4,A,,Y0T4,M,x\n";
    for structure in [STRUCTURE, JSON] {
        let report = look_with(csv, Some(&definitions(structure)));
        assert_eq!(report.dimensions, ["SEX", "AGE", "TIME_PERIOD"]);
        assert_eq!((report.observations, report.sum), (3, Some(7.5)));
        let expected =
            [("component.unknown", 2), ("code.unknown", 3), ("code.unknown", 3), ("dimension.missing", 4)];
        assert_eq!(faults(&report), expected, "{:?}", report.faults);
        assert!(!report.is_whole());
    }
}

#[test]
fn a_definition_tells_dimensions_from_attributes() {
    let xml = r#"<m:StructureSpecificData xmlns:m="http://www.sdmx.org/resources/sdmxml/schemas/v3_1/message"><m:DataSet>
        <Series STATUS="A" AGE="Y0T4" SEX="F"><Obs VALUE="1" TIME_PERIOD="2001"/></Series></m:DataSet></m:StructureSpecificData>"#;
    let report = look_with(xml, Some(&definitions(STRUCTURE)));
    assert_eq!(report.dimensions, ["SEX", "AGE", "TIME_PERIOD"]);
    assert_eq!((report.sum, faults(&report)), (Some(1.0), vec![]));
    let odd = look_with(xml.replace("STATUS", "REMARK"), Some(&definitions(STRUCTURE)));
    assert_eq!((odd.is_whole(), faults(&odd)), (true, vec![("component.unknown", 2)]));
}

#[test]
fn a_definition_of_something_else_checks_nothing_silently() {
    let two = STRUCTURE.replace(
        "<s:DataStructures>",
        "<s:DataStructures><s:DataStructure id='X' agencyID='A'><s:DimensionList><s:Dimension id='D'/></s:DimensionList></s:DataStructure>",
    );
    let csv = "DATAFLOW,SEX,OBS_VALUE\nA:ELSE(1.0),F,1\n";
    let report = look_with(csv, Some(&definitions(&two)));
    assert_eq!((report.is_whole(), faults(&report)), (false, vec![("structure.missing", 0)]));
    let only = look_with(csv, Some(&definitions(STRUCTURE)));
    let [other, ..] = only.faults.as_slice() else { panic!("it is checked against the only one") };
    assert_eq!((other.code, other.message.contains("checked against A:DSD(1.0)")), ("structure.other", true));
}

/// A code that only another version of the codelist has; a codelist that only the concept names.
#[test]
fn codes_are_those_of_the_version_and_of_the_concept() {
    let two = STRUCTURE.replace(
        "</s:Codelists>",
        "<s:Codelist id='CL_SEX' agencyID='A' version='2.0'><s:Code id='X'/></s:Codelist></s:Codelists>",
    );
    let csv = "DATAFLOW,SEX,AGE,TIME_PERIOD,VALUE\nA:FLOW(1.0),X,Y0T4,2001,1\n";
    assert_eq!(faults(&look_with(csv, Some(&definitions(&two)))), [("code.unknown", 2)]);
    let newer = two.replace("A:CL_SEX(1.0)", "A:CL_SEX(2.0)");
    assert_eq!(faults(&look_with(csv, Some(&definitions(&newer)))), []);
    let concept = JSON.replace(
        r#""dataStructures""#,
        r#""conceptSchemes":[{"id":"CS","agencyID":"A","version":"1.0","concepts":[{"id":"AGE","coreRepresentation":{"enumeration":"urn:sdmx:org.sdmx.infomodel.codelist.Codelist=A:CL_ST(1.0)"}}]}],"dataStructures""#,
    );
    let concept = concept.replace(
        r#"{"id":"AGE"}"#,
        r#"{"id":"AGE","conceptIdentity":"urn:sdmx:org.sdmx.infomodel.conceptscheme.Concept=A:CS(1.0).AGE"}"#,
    );
    let report = look_with(csv.replace(",X,", ",F,"), Some(&definitions(&concept)));
    assert_eq!(report.faults[0].message, "\"Y0T4\" is no code of AGE");
}

#[test]
fn two_versions_of_a_definition_are_two() {
    let second = "<s:DataStructure id='DSD' agencyID='A' version='2.0'><s:DimensionList><s:Dimension id='D'/></s:DimensionList>\
        <s:MeasureList><s:PrimaryMeasure id='VALUE'/></s:MeasureList></s:DataStructure></s:DataStructures>";
    let both = definitions(&STRUCTURE.replace("</s:DataStructures>", second));
    for (version, dimensions) in [("1.0", vec!["SEX", "AGE", "TIME_PERIOD"]), ("2.0", vec!["D"])] {
        assert_eq!(both.dsd_named("", &format!("A:DSD({version})")).unwrap().dimensions, dimensions);
    }
    assert!(both.dsd_named("", "A:DSD(3.0)").is_none());
}

#[test]
fn what_a_definition_demands_is_missed() {
    let strict = STRUCTURE
        .replace("<s:Attribute id=\"STATUS\">", "<s:Attribute id=\"STATUS\" assignmentStatus=\"Mandatory\">")
        .replace(
            "<s:PrimaryMeasure id=\"VALUE\"/>",
            "<s:PrimaryMeasure id=\"VALUE\"><s:LocalRepresentation><s:TextFormat textType=\"Double\"/></s:LocalRepresentation></s:PrimaryMeasure>",
        );
    let json = JSON.replace(r#"{"id":"STATUS","#, r#"{"id":"STATUS","usage":"mandatory","#).replace(
        r#""measures":[{"id":"VALUE"}]"#,
        r#""measures":[{"id":"VALUE","localRepresentation":{"format":{"dataType":"Double"}}}]"#,
    );
    let csv = "STRUCTURE,STRUCTURE_ID,ACTION,SEX,AGE,TIME_PERIOD,VALUE,STATUS\n\
        dataflow,A:FLOW(1.0),I,F,Y0T4,2001,many,A\ndataflow,A:FLOW(1.0),I,F,Y0T4,2002,1,\n";
    for structure in [strict, json] {
        let report = look_with(csv, Some(&definitions(&structure)));
        assert_eq!(faults(&report), [("value.not_a_number", 2), ("attribute.missing", 3)], "{structure}");
        assert!(!report.is_whole());
    }
    assert!(look_with(csv, Some(&definitions(STRUCTURE))).is_whole());
}

#[test]
fn a_codelist_of_which_a_part_is_given_refuses_no_code() {
    let csv = "DATAFLOW,SEX,AGE,TIME_PERIOD,VALUE\nA:FLOW(1.0),X,Y0T4,2001,1\n";
    let open = [
        STRUCTURE.to_owned(),
        STRUCTURE.replace("id=\"CL_SEX\"", "id=\"CL_SEX\" isPartial=\"true\""),
        STRUCTURE.replace("<s:Code id=\"F\"/>", "<s:Code id=\"F\"/><s:CodelistExtension/>"),
        JSON.replace("\"id\":\"CL_SEX\"", "\"id\":\"CL_SEX\",\"isPartial\":true"),
        JSON.replace("\"id\":\"CL_SEX\"", "\"id\":\"CL_SEX\",\"codelistExtensions\":[]"),
    ];
    let whole: Vec<bool> = open.iter().map(|s| look_with(csv, Some(&definitions(s))).is_whole()).collect();
    assert_eq!(whole, [false, true, true, true, true]);
}

#[test]
fn a_constraint_excludes_what_it_does_not_allow() {
    let constraint = |kind: &str, attached: &str| {
        STRUCTURE.replace(
            "</m:Structures>",
            &format!(
                "<s:Constraints><s:ContentConstraint id='C' agencyID='A' version='1.0' {kind}><s:ConstraintAttachment>{attached}\
                 </s:ConstraintAttachment><s:CubeRegion include='true'><c:KeyValue id='SEX'><c:Value>F</c:Value></c:KeyValue>\
                 <c:KeyValue id='TIME_PERIOD'><c:TimeRange><c:StartPeriod>2000</c:StartPeriod></c:TimeRange></c:KeyValue></s:CubeRegion>\
                 </s:ContentConstraint></s:Constraints></m:Structures>"
            ),
        )
    };
    let csv = "DATAFLOW,SEX,AGE,TIME_PERIOD,VALUE\nA:FLOW(1.0),F,Y0T4,2001,1\nA:FLOW(1.0),M,Y0T4,2001,1\n";
    let flow = "<s:Dataflow><Ref id='FLOW' agencyID='A' version='1.0'/></s:Dataflow>";
    let dsd = "<s:DataStructure>urn:sdmx:org.sdmx.infomodel.datastructure.DataStructure=A:DSD(1.0)</s:DataStructure>";
    let other = "<s:Dataflow><Ref id='OTHER' agencyID='A' version='1.0'/></s:Dataflow>";
    for (kind, attached, expected) in [
        ("type='Allowed'", flow, vec![("constraint.excluded", 3)]),
        ("role='Allowed'", dsd, vec![("constraint.excluded", 3)]),
        ("type='Allowed'", other, vec![]),
        ("type='Actual'", flow, vec![]),
    ] {
        let report = look_with(csv, Some(&definitions(&constraint(kind, attached))));
        assert_eq!(faults(&report), expected, "{kind} {attached}");
    }
}
