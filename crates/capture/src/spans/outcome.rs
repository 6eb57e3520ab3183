//! How a span ended, as far as anything said so.

use runledger_audit::RunStatus;

use super::fields::Fields;

/// What was said of a span's end while it was open.
#[derive(Debug, Clone, Default)]
pub(super) struct Ending {
    /// What an error event inside of it said.
    error: Option<String>,
    has_panicked: bool,
}

/// How it ended.
#[derive(Debug, Clone, Default)]
pub(super) struct Ended {
    /// What it is called in the envelope. Absent when nothing was said.
    pub(super) outcome: Option<String>,
    /// The state that a run ended in.
    pub(super) status: Option<RunStatus>,
    /// What went wrong.
    pub(super) error: Option<String>,
}

impl Ending {
    pub(super) fn error(&mut self, fields: &Fields) {
        let said = ["error", "exception.message", "message"].iter().find_map(|name| fields.text(name));
        self.error.get_or_insert_with(|| said.unwrap_or("an error was logged").to_owned());
    }

    pub(super) fn panicked(&mut self) {
        self.has_panicked = true;
    }

    /// Reads what the fields say of the end, and takes it out of them. What is said outright wins over what is concluded.
    pub(super) fn take(self, fields: &mut Fields) -> Ended {
        let status_code = fields.take_text(&["otel.status_code"]).map(|code| code.to_ascii_lowercase());
        let described = fields.take_text(&["otel.status_description", "exception.message"]);
        let error_type = fields.take_text(&["error.type"]);
        let error = error_of(fields);
        let is_error = status_code.as_deref() == Some("error");
        let fails =
            self.has_panicked || is_error || error_type.is_some() || error.is_some() || self.error.is_some();
        let success = fields.flag("success");
        let status: Option<RunStatus> =
            fields.take_text(&["run_status", "status"]).and_then(|status| status.parse().ok());
        let outcome = fields.take_text(&["outcome"]).or_else(|| {
            let told = match (success, status_code.as_deref()) {
                (Some(success), _) => Some(success),
                _ if fails => Some(false),
                (None, Some("ok")) => Some(true),
                _ => None,
            };
            told.map(|success| if success { "success" } else { "failure" }.to_owned())
        });
        let panic = self.has_panicked.then(|| "a panic".to_owned());
        let reason = error.or(described).or(self.error).or(error_type).or(panic);
        Ended { outcome, status, error: reason.filter(|_| fails || success == Some(false)) }
    }
}

/// The field `error`: a text, or a flag.
fn error_of(fields: &mut Fields) -> Option<String> {
    match fields.get("error") {
        Some(serde_json::Value::Bool(true)) => Some("error".to_owned()),
        Some(serde_json::Value::Bool(false) | serde_json::Value::Null) | None => None,
        Some(_) => fields.take_text(&["error"]),
    }
}
