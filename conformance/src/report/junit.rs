//! The report as JUnit's XML, which continuous integration reads.

use super::{Outcome, Part, Report, escaped};

/// The whole document.
pub fn document(report: &Report) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for part in &report.parts {
        suite(&mut xml, part);
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn suite(xml: &mut String, part: &Part) {
    let count = |is: fn(&Outcome) -> bool| part.cases.iter().filter(|c| is(&c.outcome)).count();
    xml.push_str(&format!(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">\n",
        escaped(&part.id),
        part.cases.len(),
        count(|outcome| matches!(outcome, Outcome::Failed(_))),
        count(|outcome| matches!(outcome, Outcome::Skipped(_))),
    ));
    for case in &part.cases {
        xml.push_str(&format!(
            "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\">",
            escaped(&part.id),
            escaped(&case.id),
            case.took.as_secs_f64(),
        ));
        match &case.outcome {
            Outcome::Passed => {}
            Outcome::Failed(why) => xml.push_str(&format!(
                "<failure type=\"{}\" message=\"{}\"/>",
                case.level.name(),
                escaped(why)
            )),
            Outcome::Skipped(why) => {
                xml.push_str(&format!("<skipped message=\"{}\"/>", escaped(why)));
            }
        }
        xml.push_str("</testcase>\n");
    }
    xml.push_str("  </testsuite>\n");
}
