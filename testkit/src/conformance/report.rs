//! What a run of the suite came to.

use std::fmt;
use std::time::Duration;

use super::protocol::Ability;

/// What a case came to.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// As it should be.
    Passed,
    /// Not as it should be.
    Failed {
        /// What was wrong.
        reason: String,
        /// The last lines between suite and driver, with seconds since the driver was started.
        transcript: Vec<String>,
    },
    /// The driver cannot do what the case needs.
    NotApplicable {
        /// What it lacks.
        missing: Vec<Ability>,
    },
}

/// A case and its verdict.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct CaseReport {
    /// The name of the case.
    pub name: &'static str,
    /// What it is about, in a sentence.
    pub about: &'static str,
    /// What it came to.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
}

/// A whole run. Its `Display` is a table, with the reasons of failures behind it; with `{:#}` also their transcripts.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SuiteReport {
    /// The driver's name.
    pub driver: String,
    /// Words in its `hello` that this version of the suite does not know.
    pub unknown: Vec<String>,
    /// The cases, in the order of the suite.
    pub cases: Vec<CaseReport>,
}

impl SuiteReport {
    /// The verdict of this case.
    pub fn verdict(&self, case: &str) -> Option<&Verdict> {
        self.cases.iter().find(|report| report.name == case).map(|report| &report.verdict)
    }

    /// The cases that failed.
    pub fn failed(&self) -> impl Iterator<Item = &CaseReport> {
        self.cases.iter().filter(|case| matches!(case.verdict, Verdict::Failed { .. }))
    }

    fn count(&self, of: impl Fn(&Verdict) -> bool) -> usize {
        self.cases.iter().filter(|case| of(&case.verdict)).count()
    }

    /// # Panics
    /// If a case failed other than those that are expected to, or one of those passed. Prints the table first.
    pub fn assert_fails_only(&self, expected: &[&str]) {
        println!("{self:#}");
        let failed: Vec<&str> = self.failed().map(|case| case.name).collect();
        let run: Vec<&str> = self.cases.iter().map(|case| case.name).collect();
        let expected: Vec<&str> = expected.iter().copied().filter(|name| run.contains(name)).collect();
        assert_eq!(failed, expected, "the cases that fail, and those that are expected to");
    }

    /// # Panics
    /// If a case failed. Prints the table first.
    pub fn assert_passed(&self) {
        self.assert_fails_only(&[]);
    }
}

impl fmt::Display for SuiteReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let passed = self.count(|verdict| *verdict == Verdict::Passed);
        let failed = self.failed().count();
        let not_applicable = self.cases.len() - passed - failed;
        writeln!(formatter, "{}: {passed} passed, {failed} failed, {not_applicable} not applicable", self.driver)?;
        for case in &self.cases {
            let (word, rest) = match &case.verdict {
                Verdict::Passed => ("passed", case.about.to_string()),
                Verdict::Failed { .. } => ("FAILED", case.about.to_string()),
                Verdict::NotApplicable { missing } => {
                    let missing: Vec<&str> = missing.iter().map(|ability| ability.word()).collect();
                    ("not applicable", format!("lacks {}", missing.join(", ")))
                }
            };
            writeln!(formatter, "  {word:14}  {:20}  {:4.1} s  {rest}", case.name, case.took.as_secs_f64())?;
        }
        for case in self.failed() {
            let Verdict::Failed { reason, transcript } = &case.verdict else { continue };
            writeln!(formatter, "{} failed: {reason}", case.name)?;
            if formatter.alternate() {
                transcript.iter().try_for_each(|line| writeln!(formatter, "    {line}"))?;
            }
        }
        match &self.unknown[..] {
            [] => Ok(()),
            words => writeln!(formatter, "abilities that this version does not know: {}", words.join(", ")),
        }
    }
}
