//! Bugs to put into the hub: those of the museum, and at least one for every clause.

mod people;
mod traffic;

/// One bug, put in by one replacement.
pub struct Bug {
    /// The exhibit of the museum or the clause that it breaks, as the test that catches it cites it.
    pub breaks: &'static str,
    pub file: &'static str,
    /// Text that occurs exactly once in the file.
    pub find: &'static str,
    pub put: &'static str,
    /// The test of the hub that fails with it.
    pub caught_by: &'static str,
}

const ACTIONS: &str = "src/hub/actions.rs";
const ADMISSION: &str = "src/hub/admission.rs";
const INPUTS: &str = "src/hub/inputs.rs";
const MACHINE: &str = "src/hub/machine.rs";
const SETTINGS: &str = "src/hub/settings.rs";
const SLOTS: &str = "src/hub/slots.rs";
const TIMER: &str = "src/hub/timer.rs";

const fn bug(
    breaks: &'static str,
    file: &'static str,
    find: &'static str,
    put: &'static str,
    caught_by: &'static str,
) -> Bug {
    Bug { breaks, file, find, put, caught_by }
}

pub fn all() -> impl Iterator<Item = &'static Bug> {
    people::BUGS.iter().chain(traffic::BUGS)
}
