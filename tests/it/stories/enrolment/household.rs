//! Households: one address, one reporter for each person, one form for each child.

use serde_json::{Value, json};

use super::desk::{Desk, extension, names, refused, said, statuses};
use crate::harness::rule_of;

/// Two children and their mother, who is a RelatedPerson of each.
fn family(desk: &mut Desk) -> [(String, String); 2] {
    [(); 2].map(|()| {
        let child = desk.person();
        let mother = desk.relative(&child);
        (child, mother)
    })
}

#[test]
fn row_household_proxy() {
    let mut desk = Desk::open();
    let family = family(&mut desk);
    let plans = family.clone().map(|(child, mother)| {
        let plan = desk.enrol(&child, "covid-contact", &[names("reporter", &mother)]);
        assert_eq!(
            said(&desk.read(&plan), "reporter").expect("one")["reference"],
            mother
        );
        plan
    });
    // The mother answers for the elder only, in her own name.
    let mut answer = desk.answer(&plans[0], &[("callback", json!({ "valueBoolean": true }))]);
    answer["author"] = json!({ "reference": family[0].1 });
    answer["source"] = json!({ "reference": family[0].1 });
    desk.record(&answer);
    assert_eq!(statuses(&desk.reports(&plans[0]))[0], "completed");
    assert_ne!(statuses(&desk.reports(&plans[1]))[0], "completed");
    let flags = |desk: &mut Desk, child: &str| {
        let flags = desk.search(&format!("Flag?patient={child}"));
        flags
            .iter()
            .map(|flag| rule_of(flag).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(flags(&mut desk, &family[0].0), ["S8"]);
    assert_eq!(flags(&mut desk, &family[1].0), Vec::<String>::new());
    // Nobody answers in the stead of somebody else's child.
    let wrong = extension(
        "reporter",
        "valueReference",
        json!({ "reference": family[0].1 }),
    );
    refused(desk.set(&plans[1], wrong), 422, "reporter");
    let father = desk.relative(&family[1].0);
    let right = extension("reporter", "valueReference", json!({ "reference": father }));
    desk.set(&plans[1], right).expect(200);
}

#[test]
fn complaint_09_one_address_for_two_children_and_a_message_for_each() {
    let mut desk = Desk::open();
    let family = family(&mut desk);
    let plans = family
        .clone()
        .map(|(child, mother)| desk.enrol(&child, "covid-contact", &[names("reporter", &mother)]));
    desk.server.set_clock("2030-03-25T08:00:00Z");
    for ((child, mother), plan) in family.iter().zip(&plans) {
        let reminders = desk.messages(child, "reminder");
        assert_eq!(reminders.len(), 1, "one message a child");
        let first = desk.reports(plan)[0]["id"]
            .as_str()
            .map(|id| format!("Task/{id}"));
        assert_eq!(
            reminders[0]["about"][0]["reference"].as_str(),
            first.as_deref()
        );
        assert_eq!(reminders[0]["subject"]["reference"], *child);
        assert_eq!(reminders[0]["recipient"][0]["reference"], *mother);
    }
    // Who may not answer any more is not reminded any more: the patient is.
    let (child, mother) = &family[0];
    desk.change(mother, |person| person["active"] = false.into())
        .expect(200);
    desk.report(&plans[0], &[]);
    desk.server.set_clock("2030-03-26T08:00:00Z");
    let reminders = desk.messages(child, "reminder");
    let last = reminders.last().expect("one");
    assert_eq!(last["recipient"][0]["reference"], *child);
    // The form of one child is no answer for the other.
    let mut swapped = desk.answer(&plans[0], &[]);
    swapped["subject"] = json!({ "reference": family[1].0 });
    let reply = desk.client.post("QuestionnaireResponse", &swapped);
    refused(reply, 422, "QuestionnaireResponse.subject");
    let answers = desk.search(&format!("QuestionnaireResponse?subject={}", family[1].0));
    assert_eq!(answers, Vec::<Value>::new());
}
