//! The kinds of events. Their numbers stand on disk and are never given to another kind.

use std::fmt;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// What an event says happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Kind {
            $($(#[$doc])* $name,)*
        }

        impl Kind {
            /// Every kind, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The number of the kind on disk.
            #[must_use]
            pub const fn code(self) -> u16 {
                match self { $(Self::$name => $code,)* }
            }

            /// The kind with this number, if this version knows one.
            #[must_use]
            pub const fn from_code(code: u16) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }

            /// The name of the kind in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The kind of this name, if this version knows one.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$name),)* _ => None }
            }
        }
    };
}

kinds! {
    /// A run began.
    RunStarted = 1, "run_started";
    /// A run went into another state without ending.
    RunStatusChanged = 2, "run_status_changed";
    /// A run ended.
    RunFinished = 3, "run_finished";
    /// A numbered entry of a run's own log.
    RunLog = 4, "run_log";
    /// Something said by a person, a model or a system prompt.
    Message = 5, "message";
    /// A tool was used.
    ToolCall = 6, "tool_call";
    /// A model answered.
    ModelCall = 7, "model_call";
    /// A session began or ended, an approval was asked for or given.
    WorkspaceEvent = 8, "workspace_event";
    /// Anything else, kept whole under a type name.
    Custom = 9, "custom";
    /// Input that could not be read, kept byte for byte.
    Unparsed = 10, "unparsed";
    /// A knowledge base was asked.
    QueryAudit = 11, "query_audit";
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
