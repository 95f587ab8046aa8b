//! Rules judged in the commit of the answer.
