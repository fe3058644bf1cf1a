//! The article's table of strategies, with what runs measured compared with its claims.

use askama::Template;
use serde::{Deserialize, Serialize};

use super::figure::{Figure, FigureBounds};
use super::record::{RecordedStall, RunRecord};
use crate::report::words::pace;

/// What the article claims of a strategy ("Identity Resilience Strategies: Comparison").
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Claim {
    /// The strategy, as an environment file has it.
    pub strategy: &'static str,
    /// The RTO, in its words.
    pub rto: &'static str,
    /// The same in seconds: at least and at most.
    pub rto_s: (f64, f64),
    /// The RPO, in its words.
    pub rpo: &'static str,
    /// The same in seconds. "Minutes" and "hours" are read as from one to 60 min and from one to 24 hours: our own choice.
    pub rpo_s: (f64, f64),
    /// What it says of passwords.
    pub passwords: &'static str,
}

/// The article's three columns.
pub const CLAIMS: [Claim; 3] = [
    Claim {
        strategy: "native-replica",
        rto: "< 2 min (Route 53 health check)",
        rto_s: (0.0, 120.0),
        rpo: "< 30s (synchronous replication)",
        rpo_s: (0.0, 30.0),
        passwords: "Guaranteed (hash replicated)",
    },
    Claim {
        strategy: "bridge",
        rto: "5-15 min (EventBridge propagation)",
        rto_s: (300.0, 900.0),
        rpo: "Minutes (eventual lag)",
        rpo_s: (60.0, 3600.0),
        passwords: "Race condition on resets",
    },
    Claim {
        strategy: "manual-sync",
        rto: "30-60 min (manual process)",
        rto_s: (1800.0, 3600.0),
        rpo: "Hours (last manual sync)",
        rpo_s: (3600.0, 86_400.0),
        passwords: "Not guaranteed",
    },
];

/// The lab counts what it carries no further (`DRAWS_KEPT` in `lab/truth.rs`).
const COUNTED: usize = 1000;

/// Whether a claim is what came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimVerdict {
    /// The measured interval lies within the claim.
    Confirmed,
    /// They have nothing in common.
    NotConfirmed,
    /// What was measured allows both.
    Open,
}

impl ClaimVerdict {
    /// By the claim in seconds and what was measured, if anything.
    pub fn of(claim: (f64, f64), measured: Option<FigureBounds>) -> Self {
        let Some(FigureBounds { lower_s, upper_s }) = measured else { return Self::Open };
        let upper = upper_s.unwrap_or(f64::INFINITY);
        match () {
            () if lower_s > claim.1 || upper < claim.0 => Self::NotConfirmed,
            () if lower_s >= claim.0 && upper <= claim.1 => Self::Confirmed,
            () => Self::Open,
        }
    }

    /// For a table.
    pub fn text(self) -> &'static str {
        match self {
            Self::Confirmed => "as claimed",
            Self::NotConfirmed => "NOT as claimed",
            Self::Open => "open",
        }
    }
}

/// The password with which a user, who was given two new ones at the primary, can sign in at the replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AcceptedPassword {
    /// The last one that was set.
    Newest,
    /// The one before it.
    Overtaken,
    /// The one before both changes.
    Old,
    /// None of them.
    Nothing,
}

impl AcceptedPassword {
    /// For a table.
    pub fn text(self) -> &'static str {
        match self {
            Self::Newest => "the newest",
            Self::Overtaken => "an outdated one",
            Self::Old => "the old one",
            Self::Nothing => "none",
        }
    }
}

/// What was found at the replica of changes at the primary half a minute before the cut; nothing where it was not tried.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probed {
    /// Which password worked at the cut.
    pub at_cut: Option<AcceptedPassword>,
    /// Which one did at the end of the hold phase.
    pub at_end: Option<AcceptedPassword>,
    /// Attributes that did not have their new value at the end of the hold phase.
    pub diverged: Option<Vec<String>>,
    /// Why something was not tried.
    pub failed: Option<String>,
}

/// One strategy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contender {
    /// What the article says.
    pub claim: Claim,
    /// From the fault to the first login at the replica.
    pub rto: Option<FigureBounds>,
    /// Beside the claim.
    pub rto_verdict: ClaimVerdict,
    /// The age of what would have been lost.
    pub rpo: Option<FigureBounds>,
    /// Beside the claim.
    pub rpo_verdict: ClaimVerdict,
    /// What became of changes shortly before the cut.
    pub probed: Probed,
    /// Beside the claim.
    pub passwords_verdict: ClaimVerdict,
    /// Changes that were carried to the other pool while the lab ran, from its ground truth; each is a call to it with a bridge. Counted to
    /// a thousand.
    pub carried: usize,
    /// How the run ended.
    pub ending: &'static str,
    /// Whether everything was put back.
    pub state_identical: Option<bool>,
    /// The scenario's name.
    pub scenario: String,
    /// How time passed.
    pub pace: String,
    /// Of every random draw.
    pub seed: u64,
    /// What a reader must know of the run's own runner and of the time before the cut; empty where there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub caveats: Vec<String>,
}

impl Contender {
    /// From what a run left.
    pub fn new(claim: Claim, run: RunRecord, probed: Probed, carried: usize) -> Self {
        let (rto, rpo) = (Figure::Rto.of(&run), Figure::Rpo.of(&run));
        let tried: Vec<AcceptedPassword> = [probed.at_cut, probed.at_end].into_iter().flatten().collect();
        let in_step = tried.iter().all(|accepted| *accepted == AcceptedPassword::Newest);
        // Of all three only native replication is claimed to be in step. The others are claimed to race, which a probe can show and not refute.
        let passwords_verdict = match (claim.strategy == CLAIMS[0].strategy, in_step) {
            _ if tried.is_empty() => ClaimVerdict::Open,
            (true, true) | (false, false) => ClaimVerdict::Confirmed,
            (true, false) => ClaimVerdict::NotConfirmed,
            (false, true) => ClaimVerdict::Open,
        };
        let caveats = caveats(&run);
        Self {
            caveats,
            rto_verdict: ClaimVerdict::of(claim.rto_s, rto),
            rpo_verdict: ClaimVerdict::of(claim.rpo_s, rpo),
            claim,
            rto,
            rpo,
            probed,
            passwords_verdict,
            carried,
            ending: run.ending(),
            state_identical: run.rollback.state_identical,
            scenario: run.scenario.name,
            pace: pace(run.speed, run.virtual_time),
            seed: run.seed,
        }
    }
}

/// The table.
#[derive(Debug, Clone, PartialEq, Serialize, Template)]
#[template(path = "strategies.md", config = "templates/askama.toml")]
pub struct Comparison {
    /// In the order of the claims.
    pub contenders: Vec<Contender>,
}

impl Comparison {
    /// Whether something is left open that a runner which kept up, or a steady state before the cut, would have told.
    pub fn unsure(&self) -> bool {
        let open = |it: &Contender| it.rto_verdict == ClaimVerdict::Open || it.rpo.is_none();
        self.contenders.iter().any(|it| !it.caveats.is_empty() && open(it))
    }

    /// For GitHub and GitLab.
    #[expect(clippy::expect_used, reason = "rendering to memory")]
    pub fn markdown(&self) -> String {
        // Cannot fail: a `String` takes every write, and the template calls nothing that fails.
        self.render().expect("a template in memory")
    }
}

impl Contender {
    /// The RTO for a table.
    pub fn rto_text(&self) -> String {
        measured(Figure::Rto, self.rto)
    }

    /// The RPO for a table.
    pub fn rpo_text(&self) -> String {
        measured(Figure::Rpo, self.rpo)
    }

    /// How many changes were carried.
    pub fn carried_text(&self) -> String {
        if self.carried < COUNTED { self.carried.to_string() } else { format!("{COUNTED} or more") }
    }

    /// Which password worked at the cut.
    pub fn at_cut(&self) -> &'static str {
        self.probed.at_cut.map_or("not tried", AcceptedPassword::text)
    }

    /// Which one did at the end of the hold phase.
    pub fn at_end(&self) -> &'static str {
        self.probed.at_end.map_or("not tried", AcceptedPassword::text)
    }

    /// Which attributes differed at the end of the hold phase.
    pub fn diverged(&self) -> String {
        match self.probed.diverged.as_deref() {
            None => "not tried".to_owned(),
            Some([]) => "none".to_owned(),
            Some(names) => names.join(", "),
        }
    }
}

/// What makes the figures of a run less sure.
fn caveats(run: &RunRecord) -> Vec<String> {
    let stalled = run.runner_stalled.map(|RecordedStall { times, total_s, longest_s }| {
        let often = if times == 1 { "once".to_owned() } else { format!("{times} times") };
        format!("the runner stalled {often}, for {total_s:.1} s in total and {longest_s:.1} s at most")
    });
    let before = run.milestones.iter().filter_map(|milestone| match milestone.before_cut.as_deref()? {
        "already" => Some(format!("{} was already so before the fault", milestone.name)),
        _ => Some(format!("no observation shows that {} was not already so before the fault", milestone.name)),
    });
    stalled.into_iter().chain(before).collect()
}

fn measured(figure: Figure, bounds: Option<FigureBounds>) -> String {
    bounds.map_or_else(|| figure.absent().to_owned(), FigureBounds::text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_confirmed_only_by_both_bounds() {
        let bounds = |lower_s, upper_s| Some(FigureBounds { lower_s, upper_s });
        for (measured, verdict) in [
            (bounds(80.0, Some(90.0)), ClaimVerdict::Confirmed),
            (bounds(110.0, Some(130.0)), ClaimVerdict::Open),
            (bounds(110.0, None), ClaimVerdict::Open),
            (bounds(121.0, None), ClaimVerdict::NotConfirmed),
            (None, ClaimVerdict::Open),
        ] {
            assert_eq!(ClaimVerdict::of(CLAIMS[0].rto_s, measured), verdict, "{measured:?}");
        }
        assert_eq!(ClaimVerdict::of(CLAIMS[1].rto_s, bounds(80.0, Some(90.0))), ClaimVerdict::NotConfirmed);
    }

    #[test]
    fn minutes_are_rounded_outwards() {
        let text = |lower_s, upper_s| measured(Figure::Rpo, Some(FigureBounds { lower_s, upper_s }));
        assert_eq!(text(140.06, Some(147.02)), "2 min 20.0 s to 2 min 27.1 s");
        assert_eq!(text(3599.0, None), "more than 59 min 59.0 s");
        assert_eq!(measured(Figure::Rpo, None), "not measured");
    }
}
