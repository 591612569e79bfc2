//! Findings, setting by setting.

use domain::json::{Object, Value};
use ports::{Finding, Verdict};

/// What was found out about the store of one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The setting: `TABLE_URL`.
    pub setting: &'static str,
    /// Its value, without secrets.
    pub value: String,
    /// In the order of the checks.
    pub findings: Vec<Finding>,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report(pub Vec<Section>);

impl Report {
    /// Whether nothing is unfit.
    pub fn is_fit(&self) -> bool {
        self.count(Verdict::Unfit) == 0
    }

    /// How many findings have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.0.iter().flat_map(|section| &section.findings).filter(|finding| finding.verdict == verdict).count()
    }

    /// `{fit, settings: [{setting, value, findings: [{check, verdict, seen, mend?}]}]}`.
    pub fn to_json(&self) -> Value {
        let finding = |finding: &Finding| {
            let mut members = Object::of([
                ("check", finding.check.into()),
                ("verdict", word(finding.verdict).into()),
                ("seen", finding.seen.as_str().into()),
            ]);
            if !finding.mend.is_empty() {
                members.insert("mend", finding.mend.as_str().into());
            }
            members.into()
        };
        let section = |section: &Section| {
            Object::of([
                ("setting", section.setting.into()),
                ("value", section.value.as_str().into()),
                ("findings", Value::Array(section.findings.iter().map(finding).collect())),
            ])
            .into()
        };
        Object::of([
            ("fit", Value::Bool(self.is_fit())),
            ("settings", Value::Array(self.0.iter().map(section).collect())),
        ])
        .into()
    }
}

/// The word for a verdict: `good`, `lacks` or `unfit`.
pub fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "good",
        Verdict::Lacks => "lacks",
        Verdict::Unfit => "unfit",
    }
}
