//! What the gateway of text messages tells: what became of a message, and what somebody wrote.
//!
//! Both come from outside and may come twice. Neither tells the gateway whether the message or the
//! number is known here.

use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization;

use super::{
    Medium, contact, number,
    recipient::Address,
    send::{Undelivered, end_address, not_done},
    stop_list,
};
use crate::{
    fhir::{
        canonical::{INBOUND_MESSAGE, SMS_NUMBER},
        date,
        definitions::ResourceType,
        permit::Permit,
        reference,
        resource::Resource,
        search::query::Query,
    },
    kernel::{
        phi::Phi,
        problem::{Problem, Result},
    },
    store::{Prepared, Store, Tx},
};

/// The right under which they are taken in.
static PERMIT: Permit = Permit::system("notify.inbound");

/// Longest text that is taken in, in characters: ten messages.
pub const TEXT_MAX: usize = 1_600;

/// Most messages to one number that are looked through for the people behind it.
const EARLIER_MAX: u32 = 500;

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryReport {
    reference: String,
    outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Delivered,
    Failed { unknown_number: bool },
}

/// What somebody wrote.
#[derive(Debug, Clone)]
pub struct InboundText {
    from: Phi<String>,
    text: Phi<String>,
    id: Option<String>,
}

/// What a text asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Stop,
    Start,
    Words,
}

impl Wish {
    /// Read without case, accents, blanks and punctuation.
    fn of(text: &str) -> Self {
        let plain: String = text
            .nfkd()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_uppercase)
            .collect();
        match plain.as_str() {
            "STOP" | "ARRET" | "ARRETER" | "STOPSMS" => Self::Stop,
            "START" | "REPRENDRE" => Self::Start,
            _ => Self::Words,
        }
    }

    /// Its code in [`INBOUND_MESSAGE`].
    const fn code(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Words => "words",
        }
    }
}

fn member<'a>(body: &'a Value, name: &'static str) -> Result<&'a str> {
    body[name].as_str().ok_or_else(|| {
        Problem::malformed("value", format!("The member `{name}` must be a text.")).at(name)
    })
}

impl DeliveryReport {
    /// Reads `{"reference", "status": "delivered" | "failed", "error"?: "unknown-number"}`.
    ///
    /// # Errors
    /// `Malformed`, naming the member.
    pub fn read(body: &Value) -> Result<Self> {
        let outcome = match member(body, "status")? {
            "delivered" => Outcome::Delivered,
            "failed" => Outcome::Failed {
                unknown_number: body["error"] == "unknown-number",
            },
            _ => {
                let why = "The member `status` is `delivered` or `failed`.";
                return Err(Problem::malformed("value", why).at("status"));
            }
        };
        Ok(Self {
            reference: member(body, "reference")?.to_owned(),
            outcome,
        })
    }

    /// Takes it in; a reference that is not known, or a report that tells nothing new, changes
    /// nothing.
    ///
    /// # Errors
    /// As the store.
    pub async fn take(self, store: &Store) -> Result<()> {
        store
            .write(&PERMIT, move |tx| {
                Box::pin(async move { self.record(tx).await })
            })
            .await
    }

    async fn record(&self, tx: &mut Tx) -> Result<()> {
        let found = tx.read(communication()?, &self.reference).await?;
        let Some(stored) = found.filter(|stored| !stored.is_deleted()) else {
            return Ok(());
        };
        let mut tree = stored.tree()?;
        // What was not sent by text message has no such reports, and what is over stays so.
        let is_text = Medium::of(&tree).contains(&Medium::Sms);
        let open = matches!(tree["status"].as_str(), Some("preparation" | "completed"));
        if !is_text || !open || !tree["received"].is_null() {
            return Ok(());
        }
        match self.outcome {
            Outcome::Delivered => tree["received"] = date::instant(tx.now()).into(),
            Outcome::Failed { unknown_number } => {
                if unknown_number {
                    end_number(tx, &tree).await?;
                }
                not_done(&mut tree, Undelivered::NotDelivered);
            }
        }
        let prepared = Prepared::new(Resource::trusted(tree)?);
        tx.put(&self.reference, prepared, Some(stored.version))
            .await
            .map(|_| ())
    }
}

/// Ends the number that a message went to, where its recipient still has it.
async fn end_number(tx: &mut Tx, message: &Value) -> Result<()> {
    let holder = message["recipient"][0]["reference"].as_str();
    let Some(holder) = holder.map(str::to_owned) else {
        return Ok(());
    };
    let print = message["identifier"][0]["value"]
        .as_str()
        .unwrap_or_default();
    for number in numbers(tx, &holder).await? {
        if number::fingerprint(&number) == print {
            let address = Address {
                medium: Medium::Sms,
                value: Phi::new(number),
                holder: holder.clone(),
            };
            end_address(tx, &address).await?;
        }
    }
    Ok(())
}

/// The numbers of a resource that text messages reach.
async fn numbers(tx: &mut Tx, holder: &str) -> Result<Vec<String>> {
    let Some(local) = reference::local(holder) else {
        return Ok(Vec::new());
    };
    let found = tx.read(local.kind, &local.id).await?;
    let Some(stored) = found.filter(|stored| !stored.is_deleted()) else {
        return Ok(Vec::new());
    };
    let tree = stored.tree()?;
    let points = tree["telecom"].as_array().into_iter().flatten();
    Ok(points
        .filter_map(|point| number::textable(point["value"].as_str()?))
        .collect())
}

impl InboundText {
    /// Reads `{"from", "text", "id"?}`; the id is the gateway's own of this text.
    ///
    /// # Errors
    /// `Malformed`, naming the member; `TooLarge`, if the text is longer than [`TEXT_MAX`].
    pub fn read(body: &Value) -> Result<Self> {
        let text = member(body, "text")?;
        if text.chars().count() > TEXT_MAX {
            let why = format!("A text has at most {TEXT_MAX} characters.");
            return Err(Problem::malformed("too-long", why).at("text"));
        }
        Ok(Self {
            from: Phi::new(member(body, "from")?.to_owned()),
            text: Phi::new(text.to_owned()),
            id: body["id"].as_str().map(str::to_owned),
        })
    }

    /// Takes it in: the wish is fulfilled at once, and the teams of those whom this number was
    /// written to for learn of it.
    ///
    /// # Errors
    /// As the store.
    pub async fn take(self, store: &Store) -> Result<()> {
        let Some(number) = number::textable(self.from.reveal()) else {
            return Ok(());
        };
        store
            .write(&PERMIT, move |tx| {
                Box::pin(async move { self.record(tx, &number).await })
            })
            .await
    }

    async fn record(&self, tx: &mut Tx, number: &str) -> Result<()> {
        let wish = Wish::of(self.text.reveal());
        let is_new = match wish {
            Wish::Stop => stop_list::add(tx, number).await?,
            Wish::Start => stop_list::remove(tx, number).await?,
            Wish::Words => true,
        };
        if !is_new {
            return Ok(());
        }
        let people = people(tx, number).await?;
        for holder in holders(&people) {
            change_contact(tx, &holder, (wish, number)).await?;
        }
        for person in people {
            self.note(tx, wish, (&person, number)).await?;
        }
        Ok(())
    }

    /// One Communication for each patient whom this number was written to for.
    async fn note(&self, tx: &mut Tx, wish: Wish, (person, number): (&Person, &str)) -> Result<()> {
        let id = match &self.id {
            // The same text that comes again is the same Communication.
            Some(own) => {
                let key = format!("{own}\n{number}\n{}", person.subject);
                format!("sms-in-{}", number::fingerprint(&key))
            }
            None => tx.new_id(),
        };
        if tx.read(communication()?, &id).await?.is_some() {
            return Ok(());
        }
        let mut tree = json!({
            "resourceType": "Communication",
            "status": "completed",
            "category": [{ "coding": [{ "system": INBOUND_MESSAGE, "code": wish.code() }] }],
            "medium": Medium::concepts(&[Medium::Sms]),
            "subject": { "reference": person.subject },
            "sender": { "reference": person.holder },
            "received": date::instant(tx.now()),
        });
        if let Some(plan) = &person.plan {
            tree["basedOn"] = json!([{ "reference": plan }]);
        }
        if wish == Wish::Words && !self.text.reveal().trim().is_empty() {
            tree["payload"] = json!([{ "contentString": self.text.reveal().trim() }]);
        }
        let prepared = Prepared::new(Resource::trusted(tree)?);
        tx.create(&id, prepared).await.map(|_| ())
    }
}

/// Somebody whom a number was written to, for whom, and in which follow-up last.
struct Person {
    holder: String,
    subject: String,
    plan: Option<String>,
}

/// The people behind a number, one for each patient, from the latest messages to it.
async fn people(tx: &mut Tx, number: &str) -> Result<Vec<Person>> {
    let query = Query::new(communication()?)
        .token("identifier", Some(SMS_NUMBER), &number::fingerprint(number))
        .sort("-_lastUpdated")
        .limit(EARLIER_MAX);
    let mut people: Vec<Person> = Vec::new();
    for hit in tx.search(&query).await?.hits {
        let tree = hit.stored.tree()?;
        let text = |value: &Value| value["reference"].as_str().map(str::to_owned);
        let (Some(holder), Some(subject)) = (text(&tree["recipient"][0]), text(&tree["subject"]))
        else {
            continue;
        };
        let is_own = ["Patient/", "RelatedPerson/"]
            .iter()
            .any(|kind| holder.starts_with(kind));
        if is_own && people.iter().all(|known| known.subject != subject) {
            let plan = text(&tree["basedOn"][0]);
            people.push(Person {
                holder,
                subject,
                plan,
            });
        }
    }
    Ok(people)
}

fn holders(people: &[Person]) -> Vec<String> {
    let mut holders: Vec<String> = people.iter().map(|one| one.holder.clone()).collect();
    holders.sort();
    holders.dedup();
    holders
}

/// Shows the wish at the contact point itself, where the team sees it.
async fn change_contact(tx: &mut Tx, holder: &str, (wish, number): (Wish, &str)) -> Result<()> {
    let Some(local) = reference::local(holder) else {
        return Ok(());
    };
    let found = tx.read(local.kind, &local.id).await?;
    let Some(stored) = found.filter(|stored| !stored.is_deleted()) else {
        return Ok(());
    };
    let mut tree = stored.tree()?;
    let changed = match wish {
        Wish::Stop => contact::stop_texts(&mut tree, number, tx.now()),
        Wish::Start => contact::start_texts(&mut tree, number),
        Wish::Words => false,
    };
    if changed {
        let prepared = Prepared::new(Resource::trusted(tree)?);
        tx.put(&local.id, prepared, Some(stored.version)).await?;
    }
    Ok(())
}

fn communication() -> Result<ResourceType> {
    ResourceType::named("Communication")
        .ok_or_else(|| Problem::fault("the definitions lack Communication"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_read_however_it_is_written() {
        for text in [
            "STOP",
            "stop",
            " Stop ",
            "S.T.O.P",
            "ARRET",
            "Arrêt",
            "arrêter !",
            "STOP SMS",
            "\u{ff33}top",
        ] {
            assert_eq!(Wish::of(text), Wish::Stop, "{text}");
        }
        for text in ["START", "start.", "Reprendre"] {
            assert_eq!(Wish::of(text), Wish::Start, "{text}");
        }
        for text in ["", "je n'arrive plus a respirer", "stop, j'ai mal", "non"] {
            assert_eq!(Wish::of(text), Wish::Words, "{text}");
        }
    }

    #[test]
    fn what_the_gateway_says_is_checked_member_by_member() {
        let report = |body: Value| DeliveryReport::read(&body);
        assert!(report(json!({ "reference": "c", "status": "delivered" })).is_ok());
        for body in [
            json!({}),
            json!([]),
            json!({ "reference": "c" }),
            json!({ "reference": 1, "status": "failed" }),
            json!({ "reference": "c", "status": "lost" }),
        ] {
            assert!(report(body.clone()).is_err(), "{body}");
        }
        let text = |text: &str| InboundText::read(&json!({ "from": "0612345678", "text": text }));
        assert!(text(&"a".repeat(TEXT_MAX)).is_ok());
        assert!(text(&"a".repeat(TEXT_MAX + 1)).is_err());
        assert!(InboundText::read(&json!({ "text": "STOP" })).is_err());
    }

    #[test]
    fn neither_number_nor_text_is_printed() {
        let body = json!({ "from": "+33612345678", "text": "Durand" });
        let printed = format!("{:?}", InboundText::read(&body));
        assert!(
            !printed.contains("612") && !printed.contains("Durand"),
            "{printed}"
        );
    }
}
