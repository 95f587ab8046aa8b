//! `vigie demo`: the cohort of the real service lives its fourteen days on this machine.
//!
//! - [`people`], `course`, [`timeline`], `form`, `answer`: the generator, pure and seeded.

mod answer;
mod course;
mod dice;
mod form;
mod people;
mod timeline;
