//! Whole resources, there and back; what is refused, and where.

use serde_json::{Value, json};

use crate::{Error, Layout, from_xml, is_narrative, to_xml};

const DEPTH: usize = 64;

fn read(text: &str) -> Result<Value, Error> {
    from_xml(text, DEPTH)
}

fn there_and_back(resource: &Value) {
    for layout in [Layout::Compact, Layout::Pretty] {
        let xml = to_xml(resource, layout).unwrap();
        assert_eq!(&read(&xml).unwrap(), resource, "{xml}");
    }
}

/// A patient's inner XML as a whole.
fn patient(inner: &str) -> String {
    format!(r#"<Patient xmlns="http://hl7.org/fhir">{inner}</Patient>"#)
}

#[test]
fn a_resource_is_written_in_the_order_of_its_type() {
    let resource = json!({
        "resourceType": "Patient",
        "birthDate": "2001-02-03",
        "name": [{"given": ["Ana", "B"], "family": "Ú<&\"'", "id": "n"}],
        "active": true,
        "id": "p",
    });
    assert_eq!(
        to_xml(&resource, Layout::Compact).unwrap(),
        concat!(
            r#"<?xml version="1.0" encoding="UTF-8"?>"#,
            r#"<Patient xmlns="http://hl7.org/fhir"><id value="p"/><active value="true"/>"#,
            r#"<name id="n"><family value="Ú&lt;&amp;&quot;'"/><given value="Ana"/>"#,
            r#"<given value="B"/></name><birthDate value="2001-02-03"/></Patient>"#,
        )
    );
    there_and_back(&resource);
}

#[test]
fn pretty_is_one_element_a_line() {
    let resource = json!({"resourceType": "Patient", "name": [{"text": "A"}]});
    assert_eq!(
        to_xml(&resource, Layout::Pretty).unwrap(),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Patient xmlns=\"http://hl7.org/fhir\">\n  \
         <name>\n    <text value=\"A\"/>\n  </name>\n</Patient>\n"
    );
}

#[test]
fn numbers_keep_their_digits() {
    for digits in [
        "1.10",
        "0.00",
        "-3E+2",
        "1e-22",
        "12345678901234567890.123456789012345678",
        "7",
    ] {
        let text = format!(
            "<Observation xmlns=\"http://hl7.org/fhir\"><valueQuantity><value value=\"{digits}\"/>\
             </valueQuantity></Observation>"
        );
        let resource = read(&text).unwrap();
        assert_eq!(
            resource.to_string(),
            format!(r#"{{"resourceType":"Observation","valueQuantity":{{"value":{digits}}}}}"#)
        );
        let xml = to_xml(&resource, Layout::Compact).unwrap();
        assert!(xml.ends_with(&text), "{xml}");
    }
}

#[test]
fn primitives_keep_ids_extensions_and_gaps() {
    let extension = json!([{"url": "urn:e", "valueBoolean": false}]);
    there_and_back(&json!({
        "resourceType": "Patient",
        "birthDate": "2001",
        "_birthDate": {"id": "b", "extension": extension},
        "_gender": {"extension": extension},
        "name": [{
            "given": ["a", null, "c", null],
            "_given": [null, {"extension": extension}, {"id": "x"}, {"id": "y"}],
            "_suffix": [{"extension": extension}],
        }],
        "multipleBirthInteger": 2,
    }));
}

#[test]
fn extensions_and_held_resources_are_kept() {
    there_and_back(&json!({
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"fullUrl": "urn:uuid:1", "resource": {
                "resourceType": "Patient",
                "contained": [
                    {"resourceType": "Practitioner", "id": "a"},
                    {"resourceType": "Basic", "id": "b", "code": {"text": "t"}},
                ],
                "extension": [{"id": "e", "url": "urn:a", "extension": [
                    {"url": "b", "valueDecimal": 1},
                    {"url": "c", "_valueString": {"extension": [{"url": "urn:d", "valueCode": "x"}]}},
                ]}],
                "modifierExtension": [{"url": "urn:m", "valueUrl": "http://a?b=c&d=e"}],
            }},
            {"resource": {"resourceType": "Parameters", "parameter": [
                {"name": "a", "part": [{"name": "b", "resource": {"resourceType": "Basic"}}]},
                {"name": "c", "valueInteger": 0},
            ]}},
            {"resource": {"resourceType": "ExampleScenario", "instance": [
                {"resourceId": "a", "resourceType": "Patient"},
            ]}},
            {"resource": {"resourceType": "Questionnaire", "item": [
                {"linkId": "1", "item": [{"linkId": "2", "item": [{"linkId": "3", "repeats": true}]}]},
            ]}},
        ],
    }));
}

#[test]
fn white_space_in_values_survives_every_reader() {
    let resource = json!({"resourceType": "Basic", "code": {"text": " a\n\tb\r\n  c \u{a0}"}});
    let xml = to_xml(&resource, Layout::Pretty).unwrap();
    assert!(
        xml.contains("\" a&#10;&#9;b&#13;&#10;  c \u{a0}\""),
        "{xml}"
    );
    there_and_back(&resource);
}

#[test]
fn narrative_is_kept_letter_by_letter() {
    let div = "<div xmlns=\"http://www.w3.org/1999/xhtml\" lang='fr'>\n <p>a &lt; b&#160;</p>\
        <!-- c --> <b>x</b> <![CDATA[<y>]]><br />\r\n\t<img src=\"#1\"\n alt=\"\"/></div >";
    let resource = json!({
        "resourceType": "Patient",
        "text": {"status": "generated", "div": div},
        "active": true,
    });
    there_and_back(&resource);
}

#[test]
fn prefixes_are_resolved_and_leave_no_trace() {
    let text = r##"<?xml version='1.0' encoding='utf-8' standalone="yes"?><?xml-stylesheet a?>
        <!-- a comment -->
        <f:Patient xmlns:f="http://hl7.org/fhir" xmlns:h="http://www.w3.org/1999/xhtml"
            xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
            xsi:schemaLocation="http://hl7.org/fhir ../patient.xsd">
          <f:text><f:status value="generated"/>
            <h:div title='"a"'><h:p xml:lang="fr">b<h:br/></h:p> c</h:div></f:text>
          <f:active value="true"></f:active>
        </f:Patient>
        <!-- the end -->"##;
    let resource = read(&format!("\u{feff}{text}")).unwrap();
    assert_eq!(
        resource,
        json!({
            "resourceType": "Patient",
            "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\" \
                title=\"&quot;a&quot;\"><p xml:lang=\"fr\">b<br/></p> c</div>"},
            "active": true,
        })
    );
}

#[test]
fn elements_may_come_in_any_order() {
    let name = r#"<name><given value="a"/><family value="f"/><given value="b"/></name>"#;
    let text = patient(&format!(
        r#"<birthDate value="2001"/>{name}<id value="p"/>{name}"#
    ));
    let name = json!({"given": ["a", "b"], "family": "f"});
    assert_eq!(
        read(&text).unwrap(),
        json!({"resourceType": "Patient", "birthDate": "2001", "name": [name, name], "id": "p"})
    );
}

#[test]
fn what_has_not_the_form_of_its_type_stays_text() {
    let text = patient(r#"<active value="yes"/><multipleBirthInteger value="1 "/>"#);
    assert_eq!(
        read(&text).unwrap(),
        json!({"resourceType": "Patient", "active": "yes", "multipleBirthInteger": "1 "})
    );
}

/// The inside of a patient, the place of its fault, and words of it.
const FAULTS: &[(&str, &str, &str)] = &[
    (r#"<nme/>"#, "Patient", "no element `nme`"),
    (
        r#"<name><given value="a"/><given/></name>"#,
        "Patient.name[0].given[1]",
        "no value",
    ),
    (
        r#"<birthDate value="2001"/><birthDate value="2002"/>"#,
        "Patient.birthDate",
        "only once",
    ),
    (
        r#"<active value="true" unit="x"/>"#,
        "Patient.active",
        "`unit`",
    ),
    (
        r#"<active value="true">no</active>"#,
        "Patient.active",
        "text stands only",
    ),
    (r#"<name value="a"/>"#, "Patient.name[0]", "not its own"),
    (
        r#"<name><id value="a"/></name>"#,
        "Patient.name[0]",
        "no element `id`",
    ),
    (
        r#"<contained><Patient/><Patient/></contained>"#,
        "Patient.contained[0]",
        "exactly one",
    ),
    (
        r#"<contained><Basic><x/></Basic></contained>"#,
        "Patient.contained[0].Basic",
        "`x`",
    ),
    (
        r#"<contained><Money/></contained>"#,
        "Patient.contained[0]",
        "`Money`",
    ),
    (
        r#"<text><div>a</div></text>"#,
        "Patient.text.div",
        "narrative must be of the namespace",
    ),
    (
        r#"<text><div xmlns="http://www.w3.org/1999/xhtml"><p xmlns="urn:a"/></div></text>"#,
        "Patient.text.div",
        "belongs to the namespace of XHTML",
    ),
    (
        r#"<active xmlns="urn:a" value="true"/>"#,
        "Patient",
        "of the namespace",
    ),
    (
        r#"<a:active value="true"/>"#,
        "Patient",
        "bound to no namespace",
    ),
    (r#"<resourceType value="Basic"/>"#, "Patient", "no element"),
    (
        r#"<_birthDate value="a"/>"#,
        "Patient",
        "no element of this name",
    ),
];

#[test]
fn faults_name_their_place() {
    for (inner, place, message) in FAULTS {
        let error = read(&patient(inner)).expect_err(inner);
        assert_eq!(error.place.as_deref(), Some(*place), "{inner}: {error}");
        assert!(error.message.contains(message), "{inner}: {error}");
    }
}

#[test]
fn faults_name_line_and_column() {
    let error = read(&patient("\n <name>\n  é<x/></name>")).unwrap_err();
    assert_eq!(error.at, Some((2, 8)));
    let error = read(&patient("\n <active\n  value=\"é\" valu=\"\"/>")).unwrap_err();
    assert_eq!(error.at, Some((3, 13)));
    assert!(error.to_string().starts_with("line 3, column 13: "));
}

#[test]
fn what_is_not_well_formed_is_refused() {
    let bomb = "<!DOCTYPE a [<!ENTITY b \"x\"><!ENTITY c \"&b;&b;\">]><Patient xmlns=\"http://hl7.org/fhir\"/>";
    let file = "<?xml version=\"1.0\"?><!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>";
    for text in [
        "",
        " ",
        "{}",
        "<",
        "<Patient",
        "<Patient>",
        "<Patient/>",
        bomb,
        file,
        "<?xml version=\"1.1\"?><Patient xmlns=\"http://hl7.org/fhir\"/>",
        "<?xml version=\"1.0\" encoding=\"latin1\"?><Patient xmlns=\"http://hl7.org/fhir\"/>",
        "<?xml encoding=\"UTF-8\" version=\"1.0\"?><Patient xmlns=\"http://hl7.org/fhir\"/>",
        " <?xml version=\"1.0\"?><Patient xmlns=\"http://hl7.org/fhir\"/>",
        "<Patient xmlns=\"http://hl7.org/fhir\"/><Patient xmlns=\"http://hl7.org/fhir\"/>",
        "<Patient xmlns=\"http://hl7.org/fhir\"/>x",
        "<Patient xmlns=\"http://hl7.org/fhir\" xmlns:xml=\"urn:a\"/>",
        "<p:Patient xmlns:p=\"http://hl7.org/fhir\"></Patient>",
        "<p:Patient xmlns:p=\"http://hl7.org/fhir\"></q:Patient>",
        "<Patient xmlns=\"http://hl7.org/fhir/\"/>",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
    for inner in [
        "&amp;",
        "<active value=\"&nbsp;\"/>",
        "<active value=\"&b;\"/>",
        "<active value=\"a<b\"/>",
        "<active value=\"a\" value=\"b\"/>",
        "<active value=\"a\"id=\"b\"/>",
        "<active value=a/>",
        "<active value=\"\u{1}\"/>",
        "<active value=\"&#1;\"/>",
        "<!-- a -- b -->",
        "<!-- a --->",
        "<!-- a",
        "<![CDATA[a]]>",
        "<?xml version=\"1.0\"?>",
        "<?a",
        "<active>",
        "</active>",
        "<active></name>",
        "< active/>",
        "<1/>",
        "]]>",
        "<!ELEMENT a>",
        "<a:b:active/>",
    ] {
        assert!(read(&patient(inner)).is_err(), "{inner}");
    }
}

#[test]
fn nesting_is_bounded() {
    let item = |levels: usize| {
        let open = r#"<item><linkId value="a"/>"#.repeat(levels);
        let shut = "</item>".repeat(levels);
        format!("<Questionnaire xmlns=\"http://hl7.org/fhir\">{open}{shut}</Questionnaire>")
    };
    // The resource is one level; each item is a list and an object.
    assert!(from_xml(&item(3), 7).is_ok());
    let error = from_xml(&item(3), 6).unwrap_err();
    assert_eq!(error.message, "the nesting is too deep");
    assert_eq!(
        error.place.as_deref(),
        Some("Questionnaire.item[0].item[0].item[0]")
    );
    let many = item(100_000);
    assert!(from_xml(&many, 127).is_err());
    let deep = |levels: usize| {
        let (open, shut) = ("<b>".repeat(levels), "</b>".repeat(levels));
        format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{open}{shut}</div>")
    };
    assert!(is_narrative(&deep(255)));
    assert!(!is_narrative(&deep(256)));
    assert!(!is_narrative(&deep(1_000_000)));
}

#[test]
fn names_and_attributes_are_bounded() {
    let many = |n: usize| {
        let attributes: String = (0..n).map(|n| format!(" a{n}=\"\"")).collect();
        format!("<div{attributes}/>")
    };
    assert!(is_narrative(&many(64)));
    assert!(!is_narrative(&many(65)));
    let long = |n: usize| format!("<div {}=\"\"/>", "a".repeat(n));
    assert!(is_narrative(&long(256)));
    assert!(!is_narrative(&long(257)));
}

#[test]
fn prefixes_are_bounded() {
    let nested = |levels: usize| {
        let open: String = (0..levels)
            .map(|n| format!("<b xmlns:p{n}=\"urn:{n}\">"))
            .collect();
        format!("<div>{open}{}</div>", "</b>".repeat(levels))
    };
    // One is bound around a narrative that stands alone.
    assert!(is_narrative(&nested(63)));
    assert!(!is_narrative(&nested(64)));
    let after = "<b xmlns:p=\"urn:a\"/>".repeat(1_000);
    assert!(is_narrative(&format!("<div>{after}</div>")));
}

#[test]
fn a_narrative_is_one_div() {
    for sound in ["<div>a</div>", " <div/>\n", "<!-- a --><div><p/></div>"] {
        assert_eq!(is_narrative(sound), !sound.contains("<!--"), "{sound}");
    }
    for bad in [
        "",
        "a",
        "<p/>",
        "<div>",
        "<div/><div/>",
        "<div/>a",
        "<div>&nbsp;</div>",
        "<div><br></div>",
    ] {
        assert!(!is_narrative(bad), "{bad}");
    }
}

#[test]
fn a_narrative_that_is_none_is_shown_as_text() {
    for div in ["<div>a<br>b</div>", "&nbsp;", "</div><script>"] {
        let resource = json!({"resourceType": "Patient", "text": {"status": "empty", "div": div}});
        let xml = to_xml(&resource, Layout::Compact).unwrap();
        let back = read(&xml).unwrap();
        assert!(is_narrative(back["text"]["div"].as_str().unwrap()), "{xml}");
        assert!(!xml.contains("<br>") && !xml.contains("<script>"), "{xml}");
    }
    let bare = json!({"resourceType": "Patient", "text": {"div": "<div>a</div>"}});
    let xml = to_xml(&bare, Layout::Compact).unwrap();
    assert!(
        xml.contains("<div xmlns=\"http://www.w3.org/1999/xhtml\">a</div>"),
        "{xml}"
    );
}

#[test]
fn a_value_that_is_no_resource_is_refused() {
    for value in [
        json!(1),
        json!([]),
        json!({}),
        json!({"resourceType": "a b"}),
    ] {
        assert!(to_xml(&value, Layout::Compact).is_err(), "{value}");
    }
    let mut deep = json!({"linkId": "a"});
    for _ in 0..200 {
        deep = json!({"linkId": "a", "item": [deep]});
    }
    let deep = json!({"resourceType": "Questionnaire", "item": [deep]});
    assert!(to_xml(&deep, Layout::Compact).is_err());
}

#[test]
fn what_r4_does_not_know_is_written_all_the_same() {
    let resource = json!({
        "resourceType": "Patient", "foo": [{"bar": 1, "_baz": {"id": "x"}}], "a b": 1, "active": {"x": 1},
    });
    assert_eq!(
        to_xml(&resource, Layout::Compact).unwrap(),
        concat!(
            r#"<?xml version="1.0" encoding="UTF-8"?><Patient xmlns="http://hl7.org/fhir">"#,
            r#"<active/><foo><bar value="1"/><baz id="x"/></foo></Patient>"#,
        )
    );
}
