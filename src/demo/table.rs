//! The one table at the end, and lines worth typing.

use std::time::Duration;

use super::{
    count::Counts,
    erase::Erased,
    measure::{Performance, quantile},
    people::Pathway,
    play::Played,
};

/// The table, line by line.
#[must_use]
pub fn lines(counts: &Counts, performance: &Performance) -> Vec<String> {
    let mut lines = vec![String::new()];
    reports(counts, &mut lines);
    alerts(counts, &mut lines);
    messages(counts, &mut lines);
    speed(performance, &mut lines);
    lines
}

fn reports(counts: &Counts, lines: &mut Vec<String>) {
    lines.push(format!(
        "{:<18}{:>8}{:>12}{:>12}{:>10}{:>12}{:>10}",
        "pathway", "people", "reports due", "received", "missed", "cancelled", "to come"
    ));
    for (pathway, count) in &counts.pathways {
        let of = count.reports;
        lines.push(format!(
            "{:<18}{:>8}{:>12}{:>12}{:>10}{:>12}{:>10}",
            pathway.id(),
            count.people,
            of.due(),
            of.received,
            of.missed,
            of.cancelled,
            of.open
        ));
    }
}

fn alerts(counts: &Counts, lines: &mut Vec<String>) {
    lines.push(String::new());
    lines.push(format!("{:<18}{:>8}  {}", "alerts", "total", "by rule"));
    for (level, name) in [("PH", "urgent"), ("PM", "simple"), ("PL", "information")] {
        let of_level = counts.alerts.iter().filter(|((_, l), _)| l == level);
        let total: u64 = of_level.clone().map(|(_, count)| count).sum();
        let rules: Vec<String> = of_level
            .map(|((rule, _), count)| format!("{rule} {count}"))
            .collect();
        lines.push(format!("{name:<18}{total:>8}  {}", rules.join(", ")));
    }
}

fn messages(counts: &Counts, lines: &mut Vec<String>) {
    lines.push(String::new());
    lines.push(format!("{:<24}{:>8}{:>10}", "e-mails", "sent", "not sent"));
    for of in &counts.messages {
        let kind = of.kind.code();
        lines.push(format!("{kind:<24}{:>8}{:>10}", of.sent, of.unsent));
    }
}

fn speed(performance: &Performance, lines: &mut Vec<String>) {
    lines.push(String::new());
    lines.push(format!(
        "{:<34}{:>10}{:>10}",
        "POST to durable reply", "p50 ms", "p99 ms"
    ));
    for (what, times) in [
        ("answers that alerts rest on", &performance.alerting),
        ("all answers", &performance.all),
    ] {
        let of = |permille| quantile(times, permille).map_or_else(|| "-".to_owned(), millis);
        let what = format!("{what} ({})", times.len());
        lines.push(format!("{what:<34}{:>10}{:>10}", of(500), of(990)));
    }
    lines.push("An answer and its alerts are one commit, and the reply comes after it.".to_owned());
    let memory = performance.peak_bytes.map_or_else(
        || "unknown".to_owned(),
        |bytes| format!("{} MB", bytes.div_ceil(1_000_000)),
    );
    lines.push(format!(
        "Disk: fdatasync p50 {} ms. Wall time {:.1} s. Peak memory {memory}.",
        millis(performance.fsync),
        performance.wall.as_secs_f64()
    ));
}

/// What has become of the data that was to be erased.
#[must_use]
pub fn erasure(erased: &Erased) -> Vec<String> {
    vec![
        String::new(),
        format!(
            "erased: {} people of the agency; {} left, canaries left in the files: {}",
            erased.people,
            erased.left,
            erased.seen.found.len()
        ),
        format!(
            "searched: {} files, {} MB, as text, UTF-16, base64 and hexadecimal; found of the {} who are kept: {}",
            erased.seen.files,
            erased.seen.bytes.div_ceil(1_000_000),
            erased.kept,
            erased.kept_found
        ),
        format!(
            "figures that the erasure changed: {}. Wall time from the table on {:.1} s.",
            erased.figures_changed,
            erased.took.as_secs_f64()
        ),
    ]
}

fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1_000.0)
}

/// Three lines for a terminal, about someone who was there.
#[must_use]
pub fn worth_typing(base: &str, played: &Played) -> Vec<String> {
    let someone = played.people.iter().find(|p| p.pathway == Pathway::Medical);
    let followed = someone.and_then(|p| played.followed.get(p.index)?.as_ref());
    let (patient, plan) = followed.map_or(("Patient", "CarePlan"), |followed| {
        (
            followed.patient.as_str(),
            followed
                .care_plans
                .first()
                .map_or("CarePlan", String::as_str),
        )
    });
    vec![
        format!("curl -s '{base}/Flag?patient={patient}&_sort=-_lastUpdated'"),
        format!("curl -s '{base}/Task?based-on={plan}&_sort=_id&_include=Task:based-on'"),
        format!(
            "curl -s '{base}/QuestionnaireResponse?subject={patient}&_count=1&_sort=-authored'"
        ),
    ]
}
