//! What else a person should know, below what happens to whom: findings, and what comes next.

use super::{Cut, Days, FEW, Finding, Page, QUOTING, Severity, days_after, show};

impl Page<'_> {
    pub(super) fn findings(&mut self, severity: Severity, heading: &str) {
        let plan = self.plan;
        let findings = plan.findings.iter().filter(|it| it.severity == severity);
        let findings: Vec<_> = findings.collect();
        let folded = severity == Severity::Info;
        if findings.is_empty() || folded && self.cut >= Cut::Findings {
            return;
        }
        let most = self.most_of(severity);
        if folded {
            let count = findings.len();
            self.line(&format!(
                "\n<details><summary>{heading} ({count})</summary>\n"
            ));
        } else {
            self.line(&format!("\n#### {heading} ({})\n", findings.len()));
        }
        for finding in findings.iter().take(most) {
            self.finding(finding);
        }
        if most == 0 {
            self.line("What they say does not fit here.");
        } else if findings.len() > most {
            self.line(&format!("- {} more", findings.len() - most));
        }
        if folded {
            self.line("\n</details>");
        }
    }

    /// Returns how many findings of a sort are listed.
    fn most_of(&self, severity: Severity) -> usize {
        let (few, none) = match severity {
            Severity::Error => (Cut::Errors, Cut::Lines),
            _ => (Cut::Findings, Cut::Errors),
        };
        match self.cut {
            cut if cut >= none => 0,
            cut if cut >= few => FEW,
            _ => usize::MAX,
        }
    }

    fn finding(&mut self, finding: &Finding) {
        let about = finding.about.as_ref().map(ToString::to_string);
        let about = about.map(|about| format!("{} ", self.cells.code(&about)));
        let origin = finding
            .origin
            .as_ref()
            .map(|it| format!(" — {}", self.cells.code(&it.to_string())));
        let text = self.cells.prose(&finding.text);
        self.line(&format!(
            "- {}{text}{}",
            about.unwrap_or_default(),
            origin.unwrap_or_default()
        ));
        // Hints are the first to go of a finding.
        let quotes = self.cells.mask && QUOTING.contains(&finding.code.as_str());
        let is_shown = self.cut < Cut::Changes && !quotes;
        let hint = finding.hint.as_ref().filter(|_| is_shown);
        if let Some(hint) = hint {
            let hint = self.cells.prose(&hint.replace('\n', " "));
            self.line(&format!("  _Hint:_ {hint}"));
        }
    }

    /// Says what will happen to the guests whom this change touches.
    pub(super) fn forecast(&mut self) {
        let plan = self.plan;
        if plan.forecast.is_empty() || self.cut >= Cut::Changes {
            return;
        }
        let count = plan.forecast.len();
        self.line(&format!("\n<details><summary>What comes next for these guests ({count} within 90 days)</summary>"));
        let mut from = plan.planned_for;
        for days in [30, 60, 90] {
            let until = days_after(plan.planned_for, Days(days), &self.zone);
            let coming = plan
                .forecast
                .iter()
                .filter(|it| it.at > from && it.at <= until);
            let coming: Vec<_> = coming.collect();
            from = until;
            if coming.is_empty() {
                continue;
            }
            self.line(&format!("\nWithin {days} days:\n"));
            for one in coming {
                let (guest, at) = (self.cells.code(&one.guest), show(one.at, &self.zone));
                let (what, origin) = (
                    self.cells.prose(&one.text),
                    self.cells.code(&one.origin.to_string()),
                );
                self.line(&format!("- {at}: {guest} {what} — {origin}"));
            }
        }
        self.line("\n</details>");
    }
}
