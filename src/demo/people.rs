//! Who is followed: the cohort, with names of our own.

use jiff::civil::{Date, date};

use super::{course::Course, dice::Dice};

/// The three pathways that the demo uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pathway {
    /// Followed by professionals of an establishment.
    Medical,
    /// Confirmed case, followed by the health agency.
    Case,
    /// Contact, followed by the health agency.
    Contact,
}

impl Pathway {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 3] = [Self::Medical, Self::Case, Self::Contact];

    /// The logical id of its PlanDefinition and of its Questionnaire.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Medical => "covid-medical",
            Self::Case => "covid-case",
            Self::Contact => "covid-contact",
        }
    }

    /// People on this pathway in the real service, spring 2020.
    const fn people(self) -> u32 {
        match self {
            Self::Medical => 473,
            Self::Case => 192,
            Self::Contact => 1_115,
        }
    }

    /// The days that have a report, as the generator understands the pathway; the server has its
    /// own understanding, and the demo compares the two.
    #[must_use]
    pub fn report_days(self) -> &'static [u32] {
        match self {
            Self::Medical | Self::Case => &[1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14],
            Self::Contact => &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14],
        }
    }
}

/// Who follows a person: the index into [`TEAMS`].
pub(super) const AGENCY: usize = 3;

/// An organization with its team.
pub(super) struct Team {
    /// The logical id of the Organization and of the CareTeam.
    pub(super) id: &'static str,
    /// The organization.
    pub(super) name: &'static str,
    /// Its physician or agent, family and given name.
    pub(super) practitioner: (&'static str, &'static str),
}

/// The three establishments, then the agency.
pub(super) const TEAMS: [Team; 4] = [
    Team {
        id: "centre-leon-berard",
        name: "Centre Léon Bérard",
        practitioner: ("Vasseur", "Hélène"),
    },
    Team {
        id: "chu-grenoble",
        name: "CHU de Grenoble",
        practitioner: ("Marchetti", "Paul"),
    },
    Team {
        id: "ch-bourg-en-bresse",
        name: "CH de Bourg-en-Bresse",
        practitioner: ("Delorme", "Nadia"),
    },
    Team {
        id: "ars-auvergne-rhone-alpes",
        name: "Cellule de suivi de l'agence régionale de santé",
        practitioner: ("Ferrand", "Luc"),
    },
];

/// Someone who is followed.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// The place in the cohort, from 0.
    pub index: usize,
    /// How they are followed.
    pub pathway: Pathway,
    /// Who follows them: the index into the teams.
    pub team: usize,
    /// Family name.
    pub family: &'static str,
    /// Given name.
    pub given: &'static str,
    /// `Patient.gender`.
    pub gender: &'static str,
    /// Date of birth.
    pub birth: Date,
    /// `fr` or `en`.
    pub language: &'static str,
    /// Where they live: an IANA time zone.
    pub zone: &'static str,
    /// Days after the demo's first on which they are enrolled.
    pub enrolled_after: u32,
    /// Whether an agent telephones and keys the answers, instead of a form on screen.
    pub by_phone: bool,
    /// Their illness.
    pub course: Course,
}

impl Person {
    /// An address that is theirs alone and reaches no one.
    #[must_use]
    pub fn email(&self) -> String {
        format!("personne-{:04}@example.org", self.index + 1)
    }
}

/// Days over which people are enrolled.
pub const ENROLMENT_DAYS: u32 = 3;

/// The cohort for a seed, at a scale of one or less; each pathway has at least one person.
#[must_use]
pub fn cohort(seed: u64, scale: f64) -> Vec<Person> {
    let mut people = Vec::new();
    for pathway in Pathway::ALL {
        for _ in 0..scaled(pathway.people(), scale) {
            people.push(person(seed, people.len(), pathway));
        }
    }
    people
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of people times a fraction between 0 and 1"
)]
fn scaled(people: u32, scale: f64) -> u32 {
    ((f64::from(people) * scale).round() as u32).clamp(1, people)
}

fn person(seed: u64, index: usize, pathway: Pathway) -> Person {
    let dice = Dice::new(seed, PURPOSE, index, 0);
    let (gender, names) = if dice.chance(520) {
        ("female", &WOMEN[..])
    } else {
        ("male", &MEN[..])
    };
    let age = dice.between(19, 84);
    Person {
        index,
        pathway,
        team: match pathway {
            Pathway::Medical => index % AGENCY,
            Pathway::Case | Pathway::Contact => AGENCY,
        },
        family: dice.pick(&FAMILIES).unwrap_or("Martin"),
        given: dice.pick(names).unwrap_or("Camille"),
        gender,
        birth: birth(&dice, age),
        language: if dice.chance(60) { "en" } else { "fr" },
        zone: zone(&dice),
        enrolled_after: u32::try_from(dice.between(0, i64::from(ENROLMENT_DAYS) - 1)).unwrap_or(0),
        by_phone: pathway != Pathway::Medical
            && Dice::new(seed, PURPOSE_PHONE, index, 0).chance(BY_PHONE),
        course: Course::draw(&dice, pathway, age),
    }
}

fn birth(dice: &Dice, age: i64) -> Date {
    let year = i16::try_from(2020 - age).unwrap_or(1970);
    let month = i8::try_from(dice.between(1, 12)).unwrap_or(1);
    let day = i8::try_from(dice.between(1, 28)).unwrap_or(1);
    date(year, month, day)
}

/// Most live where the service is; a few have gone home overseas.
fn zone(dice: &Dice) -> &'static str {
    match dice.between(0, 99) {
        0 => "America/Guadeloupe",
        1 => "Indian/Reunion",
        _ => "Europe/Paris",
    }
}

const PURPOSE: u64 = 1;
const PURPOSE_PHONE: u64 = 5;

/// People of a thousand whom the agency follows by telephone: of the 6,869 people that it followed
/// in spring 2020, 1,307 were on screen.
const BY_PHONE: i64 = 800;

const WOMEN: [&str; 32] = [
    "Adèle",
    "Agathe",
    "Alice",
    "Anaïs",
    "Brigitte",
    "Camille",
    "Céline",
    "Chantal",
    "Claire",
    "Denise",
    "Élodie",
    "Émilie",
    "Fatima",
    "Françoise",
    "Inès",
    "Jeanne",
    "Julie",
    "Laure",
    "Leïla",
    "Lucie",
    "Margaux",
    "Marion",
    "Mathilde",
    "Monique",
    "Nathalie",
    "Odile",
    "Pauline",
    "Rachel",
    "Sabine",
    "Solène",
    "Sylvie",
    "Zoé",
];

const MEN: [&str; 32] = [
    "Adrien",
    "Alain",
    "Antoine",
    "Benoît",
    "Bruno",
    "Cédric",
    "Christian",
    "Damien",
    "Didier",
    "Émile",
    "Étienne",
    "Fabrice",
    "Florian",
    "Gérard",
    "Hugo",
    "Jérôme",
    "Julien",
    "Karim",
    "Laurent",
    "Léo",
    "Loïc",
    "Marcel",
    "Mathieu",
    "Nicolas",
    "Olivier",
    "Quentin",
    "Rémi",
    "Samuel",
    "Simon",
    "Thierry",
    "Tristan",
    "Yves",
];

const FAMILIES: [&str; 56] = [
    "Allard",
    "Aubry",
    "Bailly",
    "Barbier",
    "Baudin",
    "Benali",
    "Berger",
    "Besson",
    "Blanchet",
    "Bonnet",
    "Boucher",
    "Brunel",
    "Carlier",
    "Chapuis",
    "Charpentier",
    "Chevalier",
    "Colin",
    "Cordier",
    "Coste",
    "Dumont",
    "Dupuis",
    "Fabre",
    "Faure",
    "Fleury",
    "Garnier",
    "Gaillard",
    "Gautier",
    "Girard",
    "Guérin",
    "Haddad",
    "Humbert",
    "Jacquet",
    "Joly",
    "Lacroix",
    "Lambert",
    "Leclerc",
    "Lefort",
    "Lemaire",
    "Mallet",
    "Marchand",
    "Mercier",
    "Meunier",
    "Michaud",
    "Morel",
    "Nguyen",
    "Noël",
    "Perrin",
    "Picard",
    "Poirier",
    "Renard",
    "Rey",
    "Rolland",
    "Roussel",
    "Tessier",
    "Vidal",
    "Weber",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cohort_is_that_of_the_service() {
        let people = cohort(1, 1.0);
        let of = |pathway| people.iter().filter(|p| p.pathway == pathway).count();
        assert_eq!(Pathway::ALL.map(of), [473, 192, 1_115]);
        assert!(
            people
                .iter()
                .all(|p| (p.team == AGENCY) != (p.pathway == Pathway::Medical))
        );
        let by_phone = people.iter().filter(|p| p.by_phone).count();
        assert!((950..1_150).contains(&by_phone), "{by_phone}");
        assert!((0..TEAMS.len()).all(|team| people.iter().any(|p| p.team == team)));
        assert!((0..ENROLMENT_DAYS).all(|day| people.iter().any(|p| p.enrolled_after == day)));
    }

    #[test]
    fn a_seed_gives_one_cohort_and_a_scale_a_smaller_one() {
        assert_eq!(cohort(5, 0.1), cohort(5, 0.1));
        assert_ne!(cohort(5, 0.1), cohort(6, 0.1));
        assert_eq!(cohort(5, 0.0).len(), 3);
        assert_eq!(cohort(5, 0.02).len(), 9 + 4 + 22);
    }
}
