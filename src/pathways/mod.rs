//! Follow-ups: schedules, enrolment, due reports, silence and the end.
