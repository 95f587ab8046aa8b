//! Why something is not granted, in OAuth's words.
//!
//! Specification: <https://www.rfc-editor.org/rfc/rfc6749#section-5.2>,
//! <https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1>,
//! <https://www.rfc-editor.org/rfc/rfc6750#section-3.1>,
//! <https://openid.net/specs/openid-connect-core-1_0.html#AuthError>.

use crate::kernel::problem::{Category, Problem};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A parameter is missing, repeated or not understood.
    InvalidRequest,
    /// The client is not known, or has not shown that it is itself.
    InvalidClient,
    /// The code, the token or the verifier is not good, or is another client's.
    InvalidGrant,
    /// The client may not do this.
    UnauthorizedClient,
    /// This way to a token is not offered.
    UnsupportedGrantType,
    /// Only codes are given out.
    UnsupportedResponseType,
    /// Nothing of what is asked may be granted.
    InvalidScope,
    /// What a client registers with is not accepted.
    InvalidClientMetadata,
    /// An address that codes cannot be sent to.
    InvalidRedirectUri,
    /// An access token is asked for, and none was shown.
    TokenMissing,
    /// The access token that was shown is not good.
    InvalidToken,
    /// The access token that was shown is for something else.
    InsufficientScope,
    /// Somebody said no.
    AccessDenied,
    /// Nobody is logged in, and nobody may be asked.
    LoginRequired,
    /// Consent is needed, and nobody may be asked.
    ConsentRequired,
    /// A choice is needed, and nobody may be asked.
    InteractionRequired,
    /// There is no room at the moment.
    TemporarilyUnavailable,
    /// Somebody asks too often.
    TooManyRequests,
    /// The server failed.
    ServerError,
}

impl Fault {
    /// Its code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::TokenMissing | Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::AccessDenied => "access_denied",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::InteractionRequired => "interaction_required",
            // OAuth has no word of its own for it; the status says the rest.
            Self::TemporarilyUnavailable | Self::TooManyRequests => "temporarily_unavailable",
            Self::ServerError => "server_error",
        }
    }
}

/// Why something is not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong.
    pub fault: Fault,
    /// A sentence for the client's developer; nothing of what others sent or have.
    pub description: &'static str,
    /// For the operator's log only.
    pub internal: Option<String>,
    /// Seconds after which to come again, where it asks too often.
    pub wait: u64,
}

/// What may be refused.
pub type Granted<T> = Result<T, Refusal>;

impl Refusal {
    /// A refusal.
    #[must_use]
    pub const fn new(fault: Fault, description: &'static str) -> Self {
        Self {
            fault,
            description,
            internal: None,
            wait: 0,
        }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let (fault, description) = match problem.category {
            Category::Busy | Category::TooManyRequests => (
                Fault::TemporarilyUnavailable,
                "There is no room at the moment; come again.",
            ),
            _ => (
                Fault::ServerError,
                "The server failed; its log has the reason.",
            ),
        };
        let told = || {
            problem
                .issues
                .first()
                .map(|issue| issue.diagnostics.clone())
        };
        Self {
            fault,
            description,
            internal: problem.internal.clone().or_else(told),
            wait: 0,
        }
    }
}
