use super::*;

const MIB: usize = 1 << 20;

fn xml(body: &str) -> String {
    let namespace = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message";
    format!("<GenericData xmlns=\"{namespace}\"><DataSet>{body}</DataSet></GenericData>")
}

#[test]
fn what_is_too_wide_or_too_long_is_refused_before_it_is_held() {
    let many = |n: usize, part: &str| part.repeat(n);
    for (what, text, code) in [
        ("a header of a million columns", format!("DATAFLOW{}\n", many(1_000_000, ",A")), "csv.columns"),
        ("a line of 8 MB", format!("DATAFLOW,SEX,OBS_VALUE\n{}", many(8 * MIB, "a")), "csv.record"),
        (
            "a quote without an end",
            format!("DATAFLOW,SEX,OBS_VALUE\nA:B(1),\"{}", many(2 * MIB, "a")),
            "csv.quote",
        ),
        ("an attribute of 8 MB", xml(&format!("<Obs A='{}'/>", many(8 * MIB, "a"))), "record.bytes"),
        ("a text of 8 MB", xml(&many(8 * MIB, "a")), "record.bytes"),
        ("a comment of 8 MB", xml(&format!("<!--{}-->", many(8 * MIB, "a"))), "record.bytes"),
        ("100,000 attributes", xml(&format!("<Obs {}/>", many(100_000, " A=''"))), "record.columns"),
        (
            "a key of 100,000 values",
            xml(&format!("<Obs><ObsKey>{}</ObsKey></Obs>", many(100_000, "<Value id='A' value='B'/>"))),
            "record.columns",
        ),
        ("a string of 8 MB", format!("{{\"data\":\"{}\"}}", many(8 * MIB, "a")), "record.bytes"),
        ("a number of 8 MB", format!("{{\"data\":{}}}", many(8 * MIB, "1")), "record.bytes"),
    ] {
        assert_eq!(refusal(&text), code, "{what}");
    }
}

#[test]
fn names_are_bounded() {
    let long = "A".repeat(300);
    assert_eq!(refusal(xml(&format!("<{long}/>"))), "xml.name");
    assert_eq!(refusal(xml(&format!("<Obs {long}=''/>"))), "xml.name");
    assert_eq!(refusal(format!("DATAFLOW,{long},OBS_VALUE\nA:B(1.0),F,1\n")), "component.name");
    let header = format!("<Header><Structure structureID='{}'/></Header>", "A".repeat(5000));
    assert_eq!(refusal(xml("").replace("<DataSet>", &format!("{header}<DataSet>"))), "xml.header");
}

#[test]
fn an_observation_of_8_mb_is_refused() {
    let parts = "1,".repeat(4 * MIB);
    let text = format!(
        r#"{{"data":{{"structures":[{{"dimensions":{{"observation":[{{"id":"A","values":["B"]}}]}}}}],"dataSets":[{{"observations":{{"0":[{parts}1]}}}}]}}}}"#
    );
    assert_eq!(refusal(text), "record.bytes");
}

#[test]
fn depth_is_bounded_and_costs_no_stack() {
    let deep = 200_000;
    assert_eq!(refusal(xml(&"<a>".repeat(deep))), "xml.depth");
    for text in [
        format!("{{\"x\":{}{}}}", "[".repeat(deep), "]".repeat(deep)),
        format!("{{\"data\":{}", "{\"a\":".repeat(deep)),
        format!("{{\"data\":{{\"dataSets\":[{{\"observations\":{}", "[".repeat(deep)),
        format!("{{\"meta\":{{\"x\":{}1{}}}}}", "[".repeat(deep), "]".repeat(deep)),
    ] {
        assert_eq!(refusal(text), "json.depth");
    }
}

#[test]
fn depth_that_the_standard_needs_is_read() {
    let nested =
        |n: usize| format!("{{\"x\":{}1{},\"data\":{{\"dataSets\":[]}}}}", "[".repeat(n), "]".repeat(n));
    assert!(look_at(nested(63)).is_whole());
    assert_eq!(refusal(nested(64)), "json.depth");
}

#[test]
fn what_is_no_utf_8_text_is_named() {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let marked = |text: &str| [b"\xff\xfe".to_vec(), wide(text)].concat();
    for text in ["DATAFLOW,A\n", "<a/>", "{}"] {
        assert_eq!(refusal(marked(text)), "encoding.utf16", "{text}");
        assert_eq!(refusal(wide(text)), "encoding.nul", "{text}");
    }
    let nul = [xml("").as_bytes(), b"\0"].concat();
    assert_eq!(refusal(nul), "encoding.nul");
    assert_eq!(
        refusal(
            xml("\u{1}")
                .replace('\u{1}', "é")
                .into_bytes()
                .split_last()
                .map(|(_, b)| [b, b"\xc3>"].concat())
                .unwrap()
        ),
        "encoding.utf8"
    );
    assert_eq!(refusal(b"DATAFLOW,SEX,OBS_VALUE\nA:B(1.0),F\xe9,1\n"), "encoding.utf8");
    assert_eq!(refusal(b"{\"data\":\"\xff\"}"), "encoding.utf8");
}

#[test]
fn other_formats_are_named() {
    for bytes in [b"\x1f\x8b\x08\0".as_slice(), b"PK\x03\x04", b"%PDF-1.7", b"PAR1", b"UNA:+.? '"] {
        assert_eq!(refusal(bytes), "file.format");
    }
}
