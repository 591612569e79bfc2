//! `dezky doctor`: whether the configured stack is fit, before anything is trusted to it.

use crate::failure::Failure;
use crate::target;
use doctor::Report;
use installation::{Makes, examine};
use ports::Verdict;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Fail also for what is missing and not needed, such as conditional writes of a bucket
    #[arg(long)]
    strict: bool,
}

pub(crate) async fn run(target: &target::Which, arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    if target.url.is_some() {
        return Err(Failure::usage("`doctor` asks the stores themselves: it takes --data and settings, not --url"));
    }
    let report = examine(&target.settings()?, Makes::Log).await?;
    let fit = report.is_fit() && !(arguments.strict && lacks(&report) > 0);
    if json {
        super::print_json(&report.to_json());
    } else {
        print(&report);
        summary(&report, fit);
    }
    Ok(if fit { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn lacks(report: &Report) -> usize {
    report.count(Verdict::Lacks)
}

fn print(report: &Report) {
    let width = report.0.iter().flat_map(|s| &s.findings).map(|f| f.check.len()).max().unwrap_or(0);
    for section in &report.0 {
        say!("{}  {}", section.setting, section.value);
        for finding in &section.findings {
            say!("  {:<5}  {:<width$}  {}", doctor::word(finding.verdict), finding.check, finding.seen);
            if !finding.mend.is_empty() {
                say!("  {:<5}  {:<width$}  -> {}", "", "", finding.mend);
            }
        }
    }
}

fn summary(report: &Report, fit: bool) {
    let (unfit, lacks) = (report.count(Verdict::Unfit), lacks(report));
    match (fit, unfit) {
        (true, _) if lacks == 0 => eprintln!("fit: a log can be kept here"),
        (true, _) => eprintln!("fit: a log can be kept here; {lacks} things are missing that it does without"),
        (false, 0) => eprintln!("fit, and not all that --strict asks for: {lacks} things are missing"),
        (false, _) => eprintln!("not fit (checks that failed: {unfit}); nothing may be trusted to this stack"),
    }
}
