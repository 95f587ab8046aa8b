//! The report as one page that needs nothing else: what failed stands open.

use super::{Outcome, Part, Ran, Report, escaped};
use crate::case::Level;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;\
padding:0 1rem;color:#1b1b1b}table{border-collapse:collapse}td,th{padding:.2rem .8rem;\
text-align:right;border-bottom:1px solid #ccc}td:first-child,th:first-child{text-align:left}\
details{border-left:.3rem solid #2e7d32;padding:.2rem .8rem;margin:.3rem 0}\
details.fail{border-color:#b71c1c}details.skip{border-color:#757575}summary{cursor:pointer}\
pre{background:#f4f4f4;padding:.6rem;overflow:auto;max-height:24rem;font-size:13px}\
.level{font-size:.8rem;color:#555}";

/// The whole page.
pub fn page(report: &Report) -> String {
    let title = format!("{} at {}", report.software.trim(), report.base);
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <title>FHIR R4: {0}</title><style>{STYLE}</style></head><body>\n\
         <h1>FHIR R4, as {0} speaks it</h1>\n",
        escaped(&title)
    );
    totals(&mut html, report);
    for part in &report.parts {
        section(&mut html, part);
    }
    html.push_str("</body></html>\n");
    html
}

fn totals(html: &mut String, report: &Report) {
    html.push_str("<table><tr><th>Level</th><th>passed</th><th>failed</th><th>skipped</th></tr>\n");
    for level in [Level::Shall, Level::Should, Level::May] {
        html.push_str(&format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
            level.name(),
            report.count(level, |outcome| *outcome == Outcome::Passed),
            report.failed(level),
            report.count(level, |outcome| matches!(outcome, Outcome::Skipped(_))),
        ));
    }
    html.push_str("</table>\n");
}

fn section(html: &mut String, part: &Part) {
    let passed = part
        .cases
        .iter()
        .filter(|case| case.outcome == Outcome::Passed)
        .count();
    html.push_str(&format!(
        "<h2 id=\"{0}\">{1} ({passed} of {2})</h2>\n<p><a href=\"{3}\">{3}</a></p>\n",
        escaped(&part.id),
        escaped(&part.title),
        part.cases.len(),
        escaped(&part.spec),
    ));
    for ran in &part.cases {
        case(html, ran);
    }
}

fn case(html: &mut String, case: &Ran) {
    let (class, open, why) = match &case.outcome {
        Outcome::Passed => ("pass", "", None),
        Outcome::Failed(why) => ("fail", " open", Some(why)),
        Outcome::Skipped(why) => ("skip", "", Some(why)),
    };
    html.push_str(&format!(
        "<details class=\"{class}\"{open}><summary>{} <code>{}</code> {} \
         <span class=\"level\">{}, {:.0} ms</span></summary>\n",
        case.outcome.mark(),
        escaped(&case.id),
        escaped(&case.title),
        case.level.name(),
        case.took.as_secs_f64() * 1_000.0,
    ));
    if let Some(spec) = &case.spec {
        html.push_str(&format!("<p><a href=\"{0}\">{0}</a></p>", escaped(spec)));
    }
    if let Some(why) = why {
        html.push_str(&format!("<p><strong>{}</strong></p>", escaped(why)));
    }
    for each in &case.exchanges {
        html.push_str(&format!(
            "<pre>{}</pre><pre>{}</pre>\n",
            escaped(&each.request),
            escaped(&each.answer)
        ));
    }
    html.push_str("</details>\n");
}
