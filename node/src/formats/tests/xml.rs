use super::*;

const V21: &str = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message";

/// Of the namespaces that the standard's messages use.
const OTHERS: &str =
    "xmlns:g='urn:g' xmlns:c='urn:c' xmlns:ss='urn:ss' xmlns:f='urn:f' xmlns:x='urn:x' xmlns:xsi='urn:xsi'";

fn message(root: &str, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><m:{root} xmlns:m=\"{V21}\" {OTHERS}>\n{body}\n</m:{root}>"
    )
}

fn header(at_observation: &str) -> String {
    format!(
        "<m:Header><m:Structure structureID='S' dimensionAtObservation='{at_observation}'>\
         <c:Structure><Ref agencyID='A' id='B' version='1.0'/></c:Structure></m:Structure></m:Header>"
    )
}

#[test]
fn generic_series_give_their_key_to_each_observation() {
    let text = message(
        "GenericData",
        &(header("TIME_PERIOD")
            + "<m:DataSet structureRef='S'><g:Group><g:GroupKey><g:Value id='SEX' value='F'/></g:GroupKey></g:Group>\
               <g:Series><g:SeriesKey><g:Value id='SEX' value='F &amp; M'/></g:SeriesKey>\
               <g:Attributes><g:Value id='UNIT' value='P'/></g:Attributes>\n\
               <g:Obs><g:ObsDimension value='2001'/><g:ObsValue value=' 1.5 '/><g:Attributes><g:Value id='ST' value='A'/></g:Attributes></g:Obs>\n\
               <g:Obs><g:ObsDimension value='2002'/></g:Obs></g:Series></m:DataSet>"),
    );
    assert_eq!(
        heard(text),
        [
            "series SEX=F & M",
            "3 Information SEX=F & M TIME_PERIOD=2001 | 1.5 | UNIT=P ST=A",
            "4 Information SEX=F & M TIME_PERIOD=2002 | - | UNIT=P",
        ]
    );
}

#[test]
fn a_cross_section_varies_another_dimension() {
    let generic = message(
        "GenericData",
        &(header("SEX")
            + "<m:DataSet><g:Series><g:SeriesKey><g:Value id='TIME_PERIOD' value='2001'/></g:SeriesKey>\
               <g:Obs><g:ObsDimension id='SEX' value='F'/><g:ObsValue value='1'/></g:Obs></g:Series></m:DataSet>"),
    );
    let specific = message(
        "StructureSpecificData",
        &(header("SEX")
            + "<m:DataSet><Series TIME_PERIOD='2001'><Obs SEX='F' OBS_VALUE='1'/></Series></m:DataSet>"),
    );
    let explicit = message(
        "StructureSpecificData",
        &(header("SEX")
            + "<m:DataSet><Series TIME_PERIOD='2001'><Obs xsi:type='ns1:F' OBS_VALUE='1'/></Series></m:DataSet>"),
    );
    for text in [generic, specific, explicit] {
        assert_eq!(
            heard(&text),
            ["series TIME_PERIOD=2001", "2 Information TIME_PERIOD=2001 SEX=F | 1 |"],
            "{text}"
        );
        assert_eq!(look_at(&text).dimensions, ["TIME_PERIOD", "SEX"]);
    }
}

#[test]
fn flat_observations_without_a_definition_end_their_key_with_the_time() {
    let text = message(
        "StructureSpecificData",
        &(header("AllDimensions")
            + "<m:DataSet ss:structureRef='S' xsi:type='x:T' UNIT='P'><Atts NOTE='n'/>\
               <Obs SEX='F' TIME_PERIOD='2001' ST='A' OBS_VALUE='1'><Comp id='N'><Value>a</Value><Value><c:Text>b</c:Text></Value></Comp></Obs>\
               <Obs SEX='F' TIME_PERIOD='2002'><Comp id='OBS_VALUE'><Value>2</Value></Comp></Obs></m:DataSet>"),
    );
    assert_eq!(
        heard(text),
        [
            "2 Information SEX=F TIME_PERIOD=2001 | 1 | UNIT=P ST=A N=a N=b",
            "2 Information SEX=F TIME_PERIOD=2002 | 2 | UNIT=P"
        ]
    );
}

#[test]
fn several_data_sets_have_their_own_actions() {
    let text = message(
        "StructureSpecificData",
        "<m:Header><m:DataSetAction>Delete</m:DataSetAction></m:Header>\
         <m:DataSet><Series SEX='F'><Obs TIME_PERIOD='2001' OBS_VALUE='1'/></Series></m:DataSet>\
         <m:DataSet action='Replace'><Series SEX='F' ss:action='Delete'><Obs TIME_PERIOD='2002' OBS_VALUE='2'/></Series>\
         <Series SEX='F'><Obs TIME_PERIOD='2003' OBS_VALUE='4'/><Obs TIME_PERIOD='2004' OBS_VALUE='8' ss:action='Delete'/></Series>\
         <Obs SEX='F' TIME_PERIOD='2005' OBS_VALUE='16'/></m:DataSet>",
    );
    let report = look_at(&text);
    assert_eq!((report.observations, report.deleted, report.series, report.sum), (2, 3, 1, Some(20.0)));
    for (known, other) in [
        ("'Replace'", "'Drop'"),
        (">Delete<", ">delete<"),
        ("'F' ss:action='Delete'", "'F' ss:action='delete'"),
    ] {
        assert_eq!(refusal(text.replace(known, other)), "sdmx.action", "{other}");
    }
}

#[test]
fn footers_and_errors_are_shown_and_never_data() {
    let footer = "<f:Footer><f:Message code='413' severity='Information'><c:Text>later, at http://x</c:Text></f:Message></f:Footer>";
    let alone = look_at(message("GenericData", footer));
    assert_eq!((alone.is_whole(), faults(&alone)), (false, vec![("message.footer", 2)]));
    assert_eq!(alone.faults[0].message, "413 later, at http://x");
    let beside = format!("<m:DataSet><g:Obs><g:ObsValue value='1'/></g:Obs></m:DataSet>{footer}");
    let beside = look_at(message("GenericData", &beside));
    assert_eq!((beside.is_whole(), faults(&beside)), (true, vec![("message.footer", 2)]));

    let error =
        look_at(message("Error", "<m:ErrorMessage code='100'><c:Text>No Results</c:Text></m:ErrorMessage>"));
    assert_eq!((error.kind(), error.is_whole(), error.observations), (Some(Kind::Error), false, 0));
    assert_eq!(error.faults[0].message, "100 No Results");
}

#[test]
fn versions_and_messages_that_are_not_read_are_named() {
    let old =
        message("CompactData", "").replace(V21, "http://www.SDMX.org/resources/SDMXML/schemas/v2_0/message");
    let report = look_at(&old);
    assert_eq!((faults(&report), report.format()), (vec![("sdmx.version", 1)], "unknown"));
    assert_eq!(report.faults[0].message, "SDMX-ML 2.0 is not read, only 2.1, 3.0 and 3.1");
    assert_eq!(refusal(old.replace("v2_0", "v1_0")), "sdmx.version");
    assert_eq!(refusal(old.replace("UTF-8", "Shift_JIS")), "sdmx.version", "it says more");
    assert_eq!(refusal(message("RegistryInterface", "")), "sdmx.message");
    assert_eq!(refusal("<html><body/></html>"), "sdmx.unknown");
    let metadata = look_at(message("GenericMetadata", "<m:MetadataSet><g:Report/></m:MetadataSet>"));
    assert_eq!((metadata.kind(), metadata.is_whole()), (Some(Kind::Metadata), true));
}

#[test]
fn broken_documents_are_no_success() {
    let whole = message(
        "StructureSpecificData",
        "<m:DataSet><Obs SEX='F' TIME_PERIOD='2001' OBS_VALUE='1'/></m:DataSet>",
    );
    assert!(look_at(&whole).is_whole());
    for end in 40..whole.len() {
        let report = look_at(&whole[..end]);
        assert!(!report.is_whole() && !report.faults.is_empty(), "{}", &whole[..end]);
    }
    for (text, code) in [
        (format!("<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>{whole}"), "xml.doctype"),
        (whole.replace("?>", "?><!DOCTYPE html>"), "xml.doctype"),
        (whole.replace("'F'", "'&e;'"), "xml.entity"),
        (whole.replace("SEX='F'", "SEX='F' SEX='M'"), "xml.duplicate"),
        (whole.replace("</m:DataSet>", "</m:Data>"), "xml.syntax"),
        (format!("{whole}{whole}"), "xml.syntax"),
        (format!("{whole} x"), "xml.syntax"),
        (whole.replace("UTF-8", "Shift_JIS"), "encoding.declared"),
        (whole.replace("'F'", "'\0'"), "encoding.nul"),
        (message("GenericData", "<m:DataSet><g:Series/></m:DataSet>"), "xml.series"),
        (message("GenericData", "<m:Data/>"), "xml.element"),
    ] {
        assert_eq!(refusal(&text), code, "{text}");
    }
}

/// Attributes of the data set are of every observation in it, those of a group of the observations it names.
#[test]
fn attributes_of_data_sets_and_groups_are_of_each_observation() {
    let specific = "<StructureSpecificData xmlns='http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message' xmlns:s='x'><Header/>\
        <DataSet s:structureRef='S' action='Append' UNIT='PC'><Group A='1'><Comp id='TITLE'><Value>t</Value></Comp></Group><Group A='3' TITLE='u'/><Series A='1' ><Obs TIME_PERIOD='2001' OBS_VALUE='1' N='n'/></Series>\
        <Obs A='2' TIME_PERIOD='2002' OBS_VALUE='2'/></DataSet></StructureSpecificData>";
    let generic = "<GenericData xmlns='http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message'><Header/><DataSet>\
        <Attributes><Value id='UNIT' value='PC'/></Attributes>\
        <Group type='G'><GroupKey><Value id='A' value='1'/></GroupKey><Attributes><Value id='TITLE' value='t'/></Attributes></Group>\
        <Series><SeriesKey><Value id='A' value='1'/></SeriesKey><Obs><ObsDimension value='2001'/><ObsValue value='1'/>\
        <Attributes><Value id='N' value='n'/></Attributes></Obs></Series>\
        <Series><SeriesKey><Value id='A' value='2'/></SeriesKey><Obs><ObsDimension value='2002'/><ObsValue value='2'/></Obs></Series>\
        </DataSet></GenericData>";
    for text in [specific, generic] {
        let heard: Vec<String> =
            heard(text).into_iter().filter_map(|l| Some(l.split_once("| ")?.1.to_owned())).collect();
        assert_eq!(heard, ["1 | UNIT=PC N=n TITLE=t", "2 | UNIT=PC"], "{text}");
    }
}

#[test]
fn what_is_not_well_formed_is_refused() {
    let whole = message(
        "StructureSpecificData",
        "<m:DataSet><Obs SEX='F' TIME_PERIOD='2001' OBS_VALUE='1'/><!-- --></m:DataSet>",
    );
    assert!(look_at(&whole).is_whole());
    let in_text = |text: &str| whole.replace("<!-- -->", text);
    for text in [
        whole.replace("'F'", "'\u{1}'"),
        whole.replace("'F'", "'&#x1;'"),
        in_text("\u{b}"),
        in_text("&#8;"),
        in_text("<!-- \u{2} -->"),
        in_text("<!-- -- -->"),
        in_text("]]>"),
        in_text("<n:A/>"),
        in_text("<9/>"),
        in_text("<A 9=''/>"),
        in_text("<A:B:C/>"),
        in_text("<A n:b=''/>"),
        in_text("<A b='<'/>"),
        in_text("<A b=''c=''/>"),
        in_text("<?xml version='1.0'?>"),
        format!(" {whole}"),
        format!("<?xml version='1.0'?>{whole}"),
        "<m:StructureSpecificData/>".to_owned(),
    ] {
        assert_eq!(refusal(&text), "xml.syntax", "{text}");
    }
    let twice = "<A xmlns:p='urn:p' xmlns:q='urn:p' p:a='' q:a=''/>";
    assert_eq!(refusal(in_text(twice)), "xml.duplicate");
    for good in [
        "<A xmlns:p='urn:p' xmlns:q='urn:q' p:a='' q:a='&#x9;' xml:lang='en'/>",
        "]] >",
        "<![CDATA[<]]>",
        "]]&gt;",
    ] {
        assert!(look_at(in_text(good)).is_whole(), "{good}");
    }
}

#[test]
fn western_encodings_are_read_where_they_are_declared() {
    let text = message(
        "StructureSpecificData",
        "<m:DataSet><Obs SEX='F' TIME_PERIOD=' 2001 ' OBS_VALUE='1' NOTE='?'/></m:DataSet>",
    );
    for (name, byte, char) in [("ISO-8859-1", 0xe9, 'é'), ("windows-1252", 0x80, '€')] {
        let mut bytes = text.replace("UTF-8", name).into_bytes();
        let at = bytes.windows(3).position(|w| w == b"'?'").unwrap() + 1;
        bytes[at] = byte;
        assert_eq!(heard(&bytes), [format!("2 Information SEX=F TIME_PERIOD=2001 | 1 | NOTE={char}")]);
    }
}

#[test]
fn a_generic_value_names_its_component() {
    let text = message(
        "GenericData",
        "<m:DataSet><g:Obs><g:ObsKey><g:Value id='SEX' value='F'/></g:ObsKey><g:ObsDimension value=' 2001 '/></g:Obs></m:DataSet>",
    );
    assert_eq!(heard(&text), ["2 Information SEX=F TIME_PERIOD=2001 | - |"]);
    for bad in ["id=''", ""] {
        assert_eq!(refusal(text.replace("id='SEX'", bad)), "xml.value");
    }
}
