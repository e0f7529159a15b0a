//! Runs the cases on a driver.

use std::process::Command as Process;
use std::time::{Duration, Instant};

use super::bed::{Bed, Failure};
use super::cases::{self, Entry};
use super::driver::Driver;
use super::report::{CaseReport, SuiteReport, Verdict};
use super::server::Listener;

/// How much of the lines a failure shows.
const SHOWN: usize = 60;

/// The environment variable that scales all times: [`Suite::pace`].
pub const PACE: &str = "HEARTLINE_PACE";

/// The suite, for one driver.
pub struct Suite {
    start: Box<dyn Fn() -> Process>,
    pace: f64,
    only: Option<Vec<String>>,
}

impl Suite {
    /// For the adapter that this command starts. It is started anew for each case; its standard error is that of
    /// this process.
    pub fn new(start: impl Fn() -> Process + 'static) -> Self {
        let pace = std::env::var(PACE).ok().and_then(|pace| pace.parse().ok()).unwrap_or(1.0);
        Self { start: Box::new(start), pace, only: None }.pace(pace)
    }

    /// Scales all times of the suite: 2 on a slow machine, say. From 0.1 to 100; default 1, or what the environment variable
    /// `HEARTLINE_PACE` says. What fails at 1 and passes at 5 failed for want of CPU.
    #[must_use]
    pub fn pace(mut self, pace: f64) -> Self {
        self.pace = if pace.is_finite() { pace.clamp(0.1, 100.0) } else { 1.0 };
        self
    }

    /// Only the cases with these names.
    #[must_use]
    pub fn only<I: IntoIterator<Item = S>, S: Into<String>>(mut self, names: I) -> Self {
        self.only = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The names of all cases, and what each is about.
    pub fn cases() -> impl Iterator<Item = (&'static str, &'static str)> {
        cases::ALL.iter().map(|case| (case.name, case.about))
    }

    /// Runs the cases one after the other. `progress` hears of each as it ends.
    ///
    /// A driver that cannot be started, or says no `hello`, fails every case.
    pub fn run(&self, mut progress: impl FnMut(&CaseReport)) -> SuiteReport {
        let mut report = SuiteReport { driver: "unknown driver".into(), unknown: Vec::new(), cases: Vec::new() };
        let wanted = |case: &&Entry| self.only.as_ref().is_none_or(|only| only.iter().any(|name| name == case.name));
        for case in cases::ALL.iter().filter(wanted) {
            let began = Instant::now();
            let verdict = match self.bed() {
                Ok(bed) => {
                    report.driver.clone_from(&bed.driver.name);
                    report.unknown.clone_from(&bed.driver.unknown);
                    judge(bed, case)
                }
                Err(Failure(reason)) => Verdict::Failed { reason, transcript: Vec::new() },
            };
            let done = CaseReport { name: case.name, about: case.about, verdict, took: began.elapsed() };
            progress(&done);
            report.cases.push(done);
        }
        report
    }

    fn bed(&self) -> Result<Bed, Failure> {
        let patience = Duration::from_secs(15).mul_f64(self.pace);
        let driver = Driver::start(&mut (self.start)(), patience)?;
        Ok(Bed::new(driver, Listener::bind()?, self.pace))
    }
}

fn judge(mut bed: Bed, case: &Entry) -> Verdict {
    let missing: Vec<_> = case.needs.iter().copied().filter(|ability| !bed.can(*ability)).collect();
    if !missing.is_empty() {
        return Verdict::NotApplicable { missing };
    }
    match (case.run)(&mut bed).and_then(|()| bed.finish()) {
        Ok(()) => Verdict::Passed,
        Err(Failure(reason)) => {
            let transcript = bed.driver.transcript();
            let transcript = transcript[transcript.len().saturating_sub(SHOWN)..].to_vec();
            Verdict::Failed { reason, transcript }
        }
    }
}
