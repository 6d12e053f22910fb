//! Tasks that wait for a person: who may decide, what a decision is, and what comes of it.

use crate::context::{Context, Principal, Role};
use crate::definition::{Moment, MomentError};
use crate::ending::{Ending, Reason};
use crate::schedule::parse_timezone;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt;

/// The most characters of a note on a decision.
pub const MAX_NOTE: usize = 4_000;

/// Who may decide: everybody who is named, or who has one of the roles or a higher one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approvers {
    /// Users, by their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    /// Roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
}

impl Default for Approvers {
    /// Whoever may trigger runs.
    fn default() -> Self {
        Self { users: Vec::new(), roles: vec![Role::Operator] }
    }
}

impl Approvers {
    /// Whether whoever acts is among them.
    #[must_use]
    pub fn include(&self, context: &Context) -> bool {
        let named = match &context.principal {
            Principal::User { name, .. } => self.users.contains(name),
            Principal::System(_) => false,
        };
        named || self.roles.iter().any(|role| context.role >= *role)
    }
}

impl fmt::Display for Approvers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let users = self.users.iter().map(|user| format!("'{user}'"));
        let roles = self.roles.iter().map(|role| format!("whoever has the role '{}'", role.as_str()));
        f.write_str(&users.chain(roles).collect::<Vec<_>>().join(", "))
    }
}

/// What happens when nobody decides in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnExpiry {
    /// The task fails with the reason `timed_out`.
    #[default]
    Fail,
    /// It is skipped.
    Skip,
    /// It counts as approved, with the first of the options.
    Approve,
}

impl OnExpiry {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Fail, Self::Skip, Self::Approve];

    /// As it is stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Skip => "skip",
            Self::Approve => "approve",
        }
    }

    /// Reads what [`OnExpiry::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.as_str() == text)
    }
}

/// What happens when somebody rejects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnReject {
    /// The task fails with the reason `rejected`.
    #[default]
    Fail,
    /// It is skipped.
    Skip,
}

/// A compiled approval: what the task does in place of running a component.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalWork {
    /// Who may decide.
    #[serde(default)]
    pub who: Approvers,
    /// What can be chosen when approving; nothing when there is nothing to choose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// Milliseconds after which it expires; nothing when it never does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// For one that waits until a moment, which stands in its input: the time zone in which that is meant when it has no offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_timezone: Option<String>,
    /// What happens then.
    #[serde(default)]
    pub on_expiry: OnExpiry,
    /// What happens when somebody rejects.
    #[serde(default)]
    pub on_reject: OnReject,
}

/// How it was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Somebody approved.
    Approved,
    /// Somebody rejected.
    Rejected,
    /// Nobody decided in time.
    Expired,
}

impl Verdict {
    /// As it is stored and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }

    /// Reads what [`Verdict::as_str`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Approved, Self::Rejected, Self::Expired].into_iter().find(|one| one.as_str() == text)
    }
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What was decided.
    pub verdict: Verdict,
    /// By whom; nobody when it expired.
    pub by: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
    /// Which of the options was chosen.
    pub choice: Option<String>,
    /// What the person said.
    pub note: Option<String>,
}

/// What a person answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether it is approved.
    pub approve: bool,
    /// Which of the options is chosen.
    pub choice: Option<String>,
    /// What the person says about it.
    pub note: Option<String>,
}

/// Why an answer is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The person is not among those who are asked.
    #[error("this is for {0} to decide")]
    NotAsked(Approvers),
    /// One of the options has to be chosen.
    #[error("choose one of {}", quoted(.0))]
    ChoiceMissing(Vec<String>),
    /// There is no such option.
    #[error("'{given}' is not among the options; there are {}", quoted(options))]
    NoSuchChoice {
        /// What was chosen.
        given: String,
        /// What there is.
        options: Vec<String>,
    },
    /// There is nothing to choose.
    #[error("there is nothing to choose; leave the choice out")]
    NothingToChoose,
    /// The note is too long.
    #[error("a note has at most {MAX_NOTE} characters")]
    NoteTooLong,
}

fn quoted(options: &[String]) -> String {
    options.iter().map(|option| format!("'{option}'")).collect::<Vec<_>>().join(", ")
}

impl ApprovalWork {
    /// When it expires that is asked now, if ever. `until` is what its input says of that.
    ///
    /// # Errors
    /// When `until` is no moment.
    pub fn expires_at(&self, until: Option<&str>, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, MomentError> {
        if let (Some(timezone), Some(until)) = (&self.until_timezone, until) {
            let timezone = parse_timezone(timezone).unwrap_or(chrono_tz::UTC);
            return Ok(Some(until.trim().parse::<Moment>()?.resolve(timezone)));
        }
        let after = self.timeout_ms.and_then(|ms| i64::try_from(ms).ok()).and_then(TimeDelta::try_milliseconds);
        Ok(after.and_then(|after| now.checked_add_signed(after)))
    }

    /// Makes a decision of an answer.
    ///
    /// # Errors
    /// When whoever answers may not, or the answer does not fit.
    pub fn decide(&self, answer: &Answer, context: &Context, now: DateTime<Utc>) -> Result<Decision, AnswerError> {
        if !self.who.include(context) {
            return Err(AnswerError::NotAsked(self.who.clone()));
        }
        match (&answer.choice, answer.approve) {
            (Some(_), false) => return Err(AnswerError::NothingToChoose),
            (Some(_), true) if self.options.is_empty() => return Err(AnswerError::NothingToChoose),
            (Some(given), true) if !self.options.contains(given) => {
                return Err(AnswerError::NoSuchChoice { given: given.clone(), options: self.options.clone() });
            }
            (None, true) if !self.options.is_empty() => return Err(AnswerError::ChoiceMissing(self.options.clone())),
            (Some(_), true) | (None, _) => {}
        }
        let note = answer.note.as_deref().map(str::trim).filter(|note| !note.is_empty());
        if note.is_some_and(|note| note.chars().count() > MAX_NOTE || note.contains('\0')) {
            return Err(AnswerError::NoteTooLong);
        }
        let by = match &context.principal {
            Principal::User { name, .. } => name.clone(),
            Principal::System(part) => format!("cofferdam ({part})"),
        };
        Ok(Decision {
            verdict: if answer.approve { Verdict::Approved } else { Verdict::Rejected },
            by: Some(by),
            at: now,
            choice: answer.choice.clone(),
            note: note.map(str::to_owned),
        })
    }

    /// The decision that is taken when nobody else takes one.
    #[must_use]
    pub fn expired(&self, now: DateTime<Utc>) -> Decision {
        let choice = match self.on_expiry {
            OnExpiry::Approve => self.options.first().cloned(),
            OnExpiry::Fail | OnExpiry::Skip => None,
        };
        Decision { verdict: Verdict::Expired, by: None, at: now, choice, note: None }
    }

    /// How the task's try ends by a decision.
    #[must_use]
    pub fn ending(&self, decision: &Decision) -> Ending {
        let note = decision.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
        let by = decision.by.as_deref().unwrap_or("nobody");
        match (decision.verdict, self.on_reject, self.on_expiry) {
            (Verdict::Approved, ..) | (Verdict::Expired, _, OnExpiry::Approve) => {
                Ending::Success { output: decision.output().to_string() }
            }
            (Verdict::Rejected, OnReject::Fail, _) => Ending::failure(Reason::Rejected, format!("rejected by {by}{note}")),
            (Verdict::Rejected, OnReject::Skip, _) => Ending::Skip { message: format!("rejected by {by}{note}") },
            (Verdict::Expired, _, OnExpiry::Fail) => {
                Ending::failure(Reason::TimedOut, format!("nobody decided in time; asked were {}", self.who))
            }
            (Verdict::Expired, _, OnExpiry::Skip) => {
                Ending::Skip { message: format!("nobody decided in time; asked were {}", self.who) }
            }
        }
    }
}

impl Decision {
    /// The decision as the task's output.
    #[must_use]
    pub fn output(&self) -> Value {
        json!({
            "decision": self.verdict.as_str(),
            "by": self.by,
            "at": self.at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            "choice": self.choice,
            "note": self.note,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_ids::{TenantId, UserId};

    fn person(name: &str, role: Role) -> Context {
        let principal = Principal::User { id: UserId::generate(), name: name.to_owned() };
        Context { tenant: TenantId::generate(), principal, role, request_id: String::new() }
    }

    fn yes() -> Answer {
        Answer { approve: true, choice: None, note: None }
    }

    fn no(note: &str) -> Answer {
        Answer { approve: false, choice: None, note: Some(note.to_owned()) }
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_240_800, 0).unwrap()
    }

    #[test]
    fn those_decide_who_are_named_or_have_a_role_or_a_higher_one() {
        let work = ApprovalWork::default();
        assert!(work.decide(&yes(), &person("anna", Role::Operator), now()).is_ok());
        assert!(work.decide(&yes(), &person("anna", Role::Admin), now()).is_ok());
        let refused = work.decide(&yes(), &person("anna", Role::Viewer), now()).unwrap_err();
        assert_eq!(refused.to_string(), "this is for whoever has the role 'operator' to decide");
        let named = ApprovalWork { who: Approvers { users: vec!["anna".to_owned()], roles: vec![] }, ..work };
        assert!(named.decide(&yes(), &person("anna", Role::Viewer), now()).is_ok());
        assert!(named.decide(&yes(), &person("bert", Role::Admin), now()).is_err());
        assert!(named.decide(&yes(), &Context::system(TenantId::generate(), "engine"), now()).is_err());
    }

    #[test]
    fn it_waits_for_a_time_or_until_a_moment() {
        let at = |text: &str| Some(text.parse::<DateTime<Utc>>().unwrap());
        assert_eq!(ApprovalWork::default().expires_at(None, now()), Ok(None));
        let timed = ApprovalWork { timeout_ms: Some(90_000), ..ApprovalWork::default() };
        assert_eq!(timed.expires_at(None, now()), Ok(at("2026-11-21T06:01:30Z")));
        let until = ApprovalWork { until_timezone: Some("Europe/Berlin".to_owned()), ..ApprovalWork::default() };
        let of = |text: &str| until.expires_at(Some(text), now());
        assert_eq!(of("2026-12-01"), Ok(at("2026-11-30T23:00:00Z")));
        assert_eq!(of(" 2026-12-01T18:00:00+02:00\n"), Ok(at("2026-12-01T16:00:00Z")));
        // As templates write moments.
        assert_eq!(of("2026-12-01 18:00:00+00:00"), Ok(at("2026-12-01T18:00:00Z")));
        assert!(of("tomorrow").is_err());
    }

    #[test]
    fn one_of_the_options_is_chosen() {
        let anna = person("anna", Role::Operator);
        let work = ApprovalWork { options: vec!["small".to_owned(), "large".to_owned()], ..ApprovalWork::default() };
        let choose = |choice: &str| Answer { choice: Some(choice.to_owned()), ..yes() };
        assert_eq!(work.decide(&choose("large"), &anna, now()).unwrap().choice.as_deref(), Some("large"));
        assert!(matches!(work.decide(&yes(), &anna, now()), Err(AnswerError::ChoiceMissing(_))));
        let unknown = work.decide(&choose("huge"), &anna, now()).unwrap_err();
        assert_eq!(unknown.to_string(), "'huge' is not among the options; there are 'small', 'large'");
        assert!(work.decide(&no(""), &anna, now()).is_ok(), "who rejects chooses nothing");
        let plain = ApprovalWork::default();
        assert_eq!(plain.decide(&choose("small"), &anna, now()), Err(AnswerError::NothingToChoose));
        let long = Answer { note: Some("x".repeat(MAX_NOTE + 1)), ..yes() };
        assert_eq!(plain.decide(&long, &anna, now()), Err(AnswerError::NoteTooLong));
    }

    #[test]
    fn a_decision_ends_the_try() {
        let anna = person("anna", Role::Operator);
        let work = ApprovalWork { options: vec!["small".to_owned()], ..ApprovalWork::default() };
        let answer = Answer { choice: Some("small".to_owned()), note: Some(" fine ".to_owned()), ..yes() };
        let Ending::Success { output } = work.ending(&work.decide(&answer, &anna, now()).unwrap()) else { panic!() };
        let expected = json!({
            "decision": "approved", "by": "anna", "at": "2026-11-21T06:00:00.000Z", "choice": "small", "note": "fine",
        });
        assert_eq!(serde_json::from_str::<Value>(&output).unwrap(), expected);
        let rejected = work.decide(&no("not today"), &anna, now()).unwrap();
        assert_eq!(work.ending(&rejected), Ending::failure(Reason::Rejected, "rejected by anna: not today"));
        let lenient = ApprovalWork { on_reject: OnReject::Skip, ..work };
        assert_eq!(lenient.ending(&rejected), Ending::Skip { message: "rejected by anna: not today".to_owned() });
    }

    #[test]
    fn what_expires_fails_or_is_skipped_or_approved() {
        let of = |on_expiry| ApprovalWork { on_expiry, options: vec!["small".to_owned()], ..ApprovalWork::default() };
        let end = |work: ApprovalWork| work.ending(&work.expired(now()));
        assert!(matches!(end(of(OnExpiry::Fail)), Ending::Failure { reason: Reason::TimedOut, .. }));
        assert!(matches!(end(of(OnExpiry::Skip)), Ending::Skip { .. }));
        let Ending::Success { output } = end(of(OnExpiry::Approve)) else { panic!() };
        let output: Value = serde_json::from_str(&output).unwrap();
        assert_eq!((&output["decision"], &output["by"], &output["choice"]), (&json!("expired"), &Value::Null, &json!("small")));
    }

    #[test]
    fn words_read_back() {
        for word in OnExpiry::ALL {
            assert_eq!(OnExpiry::parse(word.as_str()), Some(*word));
            assert_eq!(serde_json::to_value(word).unwrap(), json!(word.as_str()));
        }
        for word in [Verdict::Approved, Verdict::Rejected, Verdict::Expired] {
            assert_eq!(Verdict::parse(word.as_str()), Some(word));
        }
    }
}
