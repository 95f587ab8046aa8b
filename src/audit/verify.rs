//! Whether the record is what was written: every row, its beginning and its end.

use std::fmt;

use super::{
    chain,
    head::{self, Told},
    log::Settings,
};
use crate::{
    erasure::Seal,
    kernel::{
        chance::Generator,
        problem::{Problem, Result},
    },
    store::{AuditFile, AuditRow, AuditTip},
};

/// Rows that are read at once.
const BATCH: u32 = 2_000;

/// Findings that are told one by one.
pub const FINDINGS_MAX: usize = 100;

/// What is wrong with the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// No beginning is known.
    NoBeginning,
    /// A beginning that the holder of the key did not set.
    ForgedBeginning(u64),
    /// A row is not what it was, or was not written by this server.
    Altered(u64),
    /// Rows are gone.
    Missing {
        /// The first.
        first: u64,
        /// The last.
        last: u64,
    },
    /// The head is gone.
    NoHead,
    /// The head was not written by the holder of the key.
    ForgedHead,
    /// The end is gone: the head knows a later row.
    EndMissing {
        /// The last row that stands.
        last: u64,
        /// The last row as the head has it.
        head: u64,
    },
    /// The row that the head knows is another one: the chain was made anew.
    EndReplaced(u64),
    /// A row that is not found by one of its pseudonyms.
    Unfindable(u64),
    /// Pseudonyms that lead to rows that do not have them.
    Astray(u64),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBeginning => f.write_str("no beginning is known"),
            Self::ForgedBeginning(row) => {
                write!(
                    f,
                    "the beginning behind row {row} is not sealed with the key"
                )
            }
            Self::Altered(row) => write!(f, "row {row} is not what was written"),
            Self::Missing { first, last } if first == last => write!(f, "row {first} is gone"),
            Self::Missing { first, last } => write!(f, "rows {first} to {last} are gone"),
            Self::NoHead => f.write_str("there are rows and no head"),
            Self::ForgedHead => f.write_str("the head is not sealed with the key"),
            Self::EndMissing { last, head } => write!(
                f,
                "the end is gone: row {last} is the last, and the head knows row {head}"
            ),
            Self::EndReplaced(row) => write!(
                f,
                "row {row} is not the one that the head knows: the rows were written anew"
            ),
            Self::Unfindable(row) => write!(f, "row {row} is not found by all of its pseudonyms"),
            Self::Astray(count) => write!(f, "{count} pseudonyms lead to rows without them"),
        }
    }
}

/// What an examination came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Rows that stand.
    pub rows: u64,
    /// Behind which row the record begins.
    pub begin: AuditTip,
    /// The last row.
    pub end: AuditTip,
    /// Rows behind the one that the head knows: written when the server was killed.
    pub behind_head: u64,
    /// What is wrong, at most [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
    /// Everything that is wrong, counted.
    pub faults: u64,
}

impl Report {
    fn find(&mut self, finding: Finding) {
        self.faults += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }
}

/// Examines the record of these settings.
///
/// # Errors
/// `NotFound`, if there is none; `Fault`, if it cannot be read.
pub fn examine(settings: &Settings) -> Result<Report> {
    if !settings.key.exists() {
        let missing = settings.key.display();
        let says = format!("There is no record of accesses here: {missing} is missing.");
        return Err(Problem::not_found(says));
    }
    // The key is there: no chance is drawn.
    let seal = Seal::open(&settings.key, &Generator::from_seed(0))?;
    let told = head::read(&settings.head, &seal)?;
    verify(&AuditFile::open_to_read(&settings.file)?, told, &seal)
}

/// Examines the whole record. The head was read before, so that it is not later than the rows.
///
/// # Errors
/// `Fault`, if the file cannot be read.
pub fn verify(file: &AuditFile, told: Told, seal: &Seal) -> Result<Report> {
    let mut report = Report::default();
    file.hold()?;
    let Some(mut tip) = begin(file, seal, &mut report)? else {
        return Ok(report);
    };
    report.begin = tip;
    let (mut names, mut known) = (0, None);
    let named_until = file.named_until()?;
    loop {
        let rows = file.rows(tip.seq, BATCH)?;
        let Some(last) = rows.last().map(|row| row.seq) else {
            break;
        };
        for row in &rows {
            step(&mut tip, row, &mut report);
            if row.seq <= named_until {
                let lost = file.unnamed(row)?.len();
                names += (row.names().len() - lost) as u64;
                if lost > 0 {
                    report.find(Finding::Unfindable(row.seq));
                }
            }
            if let Told::Tip(head) = told
                && head.seq == row.seq
            {
                known = Some(row.hash);
            }
        }
        tip.seq = last;
    }
    report.end = tip;
    let leading = file.named_count(report.begin.seq)?;
    if leading > names {
        report.find(Finding::Astray(leading - names));
    }
    if let Told::Tip(head) = told
        && head.seq == report.begin.seq
    {
        known = Some(report.begin.hash);
    }
    if let Some(finding) = compare(told, tip, known) {
        report.find(finding);
    }
    if let Told::Tip(head) = told {
        report.behind_head = tip.seq.saturating_sub(head.seq);
    }
    Ok(report)
}

/// The last beginning; each must be sealed.
fn begin(file: &AuditFile, seal: &Seal, report: &mut Report) -> Result<Option<AuditTip>> {
    let anchors = file.anchors()?;
    for anchor in &anchors {
        if anchor.seal != head::seal_of(seal, "anchor", &anchor.tip)? {
            report.find(Finding::ForgedBeginning(anchor.tip.seq));
        }
    }
    let last = anchors.last().map(|anchor| anchor.tip);
    if last.is_none() {
        report.find(Finding::NoBeginning);
    }
    Ok(last)
}

/// Goes from one row to the next. Behind a fault the stored hash is gone on with, so that each
/// fault is told once.
fn step(tip: &mut AuditTip, row: &AuditRow, report: &mut Report) {
    report.rows += 1;
    if row.seq == tip.seq + 1 {
        if chain::hash(&tip.hash, row) != row.hash {
            report.find(Finding::Altered(row.seq));
        }
    } else {
        // Whether the row itself is right cannot be told without the one before.
        report.find(Finding::Missing {
            first: tip.seq + 1,
            last: row.seq - 1,
        });
    }
    *tip = AuditTip {
        seq: row.seq,
        hash: row.hash,
    };
}

/// Whether the end is what the head says; `known` is the hash of the row that the head names.
fn compare(told: Told, end: AuditTip, known: Option<[u8; 32]>) -> Option<Finding> {
    match told {
        Told::Nothing => (end.seq > 0).then_some(Finding::NoHead),
        Told::Forged => Some(Finding::ForgedHead),
        Told::Tip(head) if head.seq > end.seq => Some(Finding::EndMissing {
            last: end.seq,
            head: head.seq,
        }),
        Told::Tip(head) => (known != Some(head.hash)).then_some(Finding::EndReplaced(head.seq)),
    }
}

/// Examines what a start can: the beginning's seal, the head, and the rows behind the head.
///
/// # Errors
/// `Fault`, if the file cannot be read.
pub(super) fn end(file: &AuditFile, told: Told, seal: &Seal) -> Result<Option<Finding>> {
    let mut report = Report::default();
    let Some(begin) = begin(file, seal, &mut report)? else {
        return Ok(Some(Finding::NoBeginning));
    };
    if let Some(forged) = report.findings.pop() {
        return Ok(Some(forged));
    }
    let end = file.tip()?;
    let Told::Tip(head) = told else {
        return Ok(compare(told, end, None));
    };
    let known = if head.seq == begin.seq {
        Some(begin.hash)
    } else {
        let row = file.rows(head.seq.saturating_sub(1), 1)?.pop();
        row.filter(|row| row.seq == head.seq).map(|row| row.hash)
    };
    if let Some(finding) = compare(told, end, known) {
        return Ok(Some(finding));
    }
    let mut tip = head;
    for row in file.rows(head.seq, BATCH)? {
        step(&mut tip, &row, &mut report);
    }
    Ok(report.findings.pop())
}
