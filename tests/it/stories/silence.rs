//! Stories of reminders, silence and the messages that carry them.
