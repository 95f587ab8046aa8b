//! What is sent to the endpoints: forms, and how a client shows that it is itself in them.
//!
//! Specification: <https://www.rfc-editor.org/rfc/rfc6749#section-3.2>,
//! <https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1>.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    assertion,
    identify::Shown,
    refusal::{Fault, Granted, Refusal},
};

/// Most parameters of a request.
const FIELDS_MAX: usize = 64;

/// Most bytes of a value.
const VALUE_MAX: usize = 32 << 10;

/// The parameters of a request.
#[derive(Clone, Default)]
pub struct Fields(Vec<(String, String)>);

fn invalid(description: &'static str) -> Refusal {
    Refusal::new(Fault::InvalidRequest, description)
}

impl Fields {
    /// Reads a form, or the query of an address.
    ///
    /// # Errors
    /// `InvalidRequest`, over a bound.
    pub fn read(bytes: &[u8]) -> Granted<Self> {
        let mut fields = Vec::new();
        for (name, value) in form_urlencoded::parse(bytes) {
            if fields.len() == FIELDS_MAX || value.len() > VALUE_MAX {
                return Err(invalid(
                    "There are too many parameters, or one is too long.",
                ));
            }
            fields.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(fields))
    }

    /// These, which were read elsewhere and are few.
    #[must_use]
    pub fn of<const N: usize>(pairs: [(&str, &str); N]) -> Self {
        let owned = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self(owned.into())
    }

    /// A parameter; what is empty counts as absent.
    ///
    /// # Errors
    /// `InvalidRequest`, if it is repeated.
    pub fn one(&self, name: &str) -> Granted<Option<&str>> {
        let mut found = self.0.iter().filter(|(known, _)| known == name);
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(invalid("A parameter is sent once.")),
            (one, None) => Ok(one
                .map(|(_, value)| value.as_str())
                .filter(|value| !value.is_empty())),
        }
    }

    /// A parameter that has to be there.
    ///
    /// # Errors
    /// `InvalidRequest`.
    pub fn need(&self, name: &str, otherwise: &'static str) -> Granted<&str> {
        self.one(name)?.ok_or_else(|| invalid(otherwise))
    }

    /// That each parameter is sent once, be it known here or not (RFC 6749, section 3.1).
    ///
    /// # Errors
    /// `InvalidRequest`.
    pub fn once(&self) -> Granted<()> {
        self.0
            .iter()
            .try_for_each(|(name, _)| self.one(name).map(drop))
    }

    /// Whether anything says who the client is.
    ///
    /// # Errors
    /// `InvalidRequest`, if a parameter comes twice.
    pub fn names_client(&self) -> Granted<bool> {
        let names = [
            "client_id",
            "client_secret",
            "client_assertion_type",
            "client_assertion",
        ];
        for name in names {
            if self.one(name)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What the client shows of itself, in the form or in the header `Authorization`.
    ///
    /// # Errors
    /// `InvalidRequest`, if it is more than one thing; `InvalidClient`, if it is nothing, or the header
    /// is not understood.
    pub fn shown(&self, authorization: Option<&str>) -> Granted<Shown> {
        let client = self.one("client_id")?.map(str::to_owned);
        let secret = self.one("client_secret")?.map(str::to_owned);
        let kind = self.one("client_assertion_type")?;
        let text = self.one("client_assertion")?.map(str::to_owned);
        match (authorization, secret, kind, text) {
            (Some(header), None, None, None) => {
                let (name, secret) = basic(header)?;
                if client.is_some_and(|client| client != name) {
                    return Err(invalid("client_id is not that of the header."));
                }
                Ok(Shown::Secret {
                    client: name,
                    secret,
                })
            }
            (None, Some(secret), None, None) => match client {
                Some(client) => Ok(Shown::Secret { client, secret }),
                None => Err(invalid("client_id is missing.")),
            },
            (None, None, Some(assertion::TYPE), Some(assertion)) => {
                Ok(Shown::Assertion { client, assertion })
            }
            (None, None, None, None) => match client {
                Some(client) => Ok(Shown::Name(client)),
                None => Err(Refusal::new(
                    Fault::InvalidClient,
                    "The client does not show who it is.",
                )),
            },
            (None, None, Some(_), _) | (None, None, None, Some(_)) => Err(invalid(
                "client_assertion comes with the client_assertion_type of RFC 7523.",
            )),
            _ => Err(invalid("A client shows that it is itself in one way.")),
        }
    }
}

/// The name and the secret of `Authorization: Basic …`.
fn basic(header: &str) -> Granted<(String, String)> {
    let unread = || {
        Refusal::new(
            Fault::InvalidClient,
            "The header Authorization is not understood.",
        )
    };
    let (scheme, text) = header.split_once(' ').ok_or_else(unread)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(unread());
    }
    let bytes = STANDARD.decode(text.trim()).map_err(|_| unread())?;
    let text = String::from_utf8(bytes).map_err(|_| unread())?;
    let (name, secret) = text.split_once(':').ok_or_else(unread)?;
    Ok((decoded(name), decoded(secret)))
}

/// A text as forms encode it.
fn decoded(text: &str) -> String {
    // A text without `=` and `&` is one name without a value.
    if text.contains(['=', '&']) {
        return text.to_owned();
    }
    form_urlencoded::parse(text.as_bytes())
        .next()
        .map_or(Cow::Borrowed(""), |(name, _)| name)
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(form: &str, header: Option<&str>) -> Result<Shown, &'static str> {
        let fields = Fields::read(form.as_bytes()).unwrap();
        fields.shown(header).map_err(|refusal| refusal.fault.code())
    }

    fn secret(client: &str, secret: &str) -> Result<Shown, &'static str> {
        Ok(Shown::Secret {
            client: client.into(),
            secret: secret.into(),
        })
    }

    #[test]
    fn a_client_shows_one_thing() {
        let of = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert!(shown("client_id=a", None) == Ok(Shown::Name("a".into())));
        assert!(shown("client_id=a&client_secret=b", None) == secret("a", "b"));
        assert!(shown("", Some(&of("a%3A1:b%20c"))) == secret("a:1", "b c"));
        assert!(shown("client_id=a", Some(&of("a:b"))) == secret("a", "b"));
        assert!(shown("", None) == Err("invalid_client"));
        for (form, header) in [
            ("client_secret=b", None),
            ("client_id=x", Some(of("a:b"))),
            ("client_id=a&client_secret=b", Some(of("a:b"))),
            ("client_id=a&client_id=a", None),
            ("client_id=a&client_assertion=x", None),
            (
                "client_id=a&client_assertion_type=x&client_assertion=x",
                None,
            ),
        ] {
            assert!(
                shown(form, header.as_deref()) == Err("invalid_request"),
                "{form}"
            );
        }
        for header in ["Basic", "Bearer x", "Basic %", "Basic YQ=="] {
            assert!(shown("", Some(header)) == Err("invalid_client"), "{header}");
        }
        let form = format!(
            "client_assertion_type={}&client_assertion=x",
            assertion::TYPE
        );
        assert!(matches!(
            shown(&form, None),
            Ok(Shown::Assertion { client: None, .. })
        ));
    }

    #[test]
    fn a_parameter_is_sent_once_and_what_is_empty_is_absent() {
        let fields = Fields::read(b"a=1&b=&c=1&c=2").unwrap();
        assert_eq!(fields.one("a").unwrap(), Some("1"));
        assert_eq!(fields.one("b").unwrap(), None);
        assert!(fields.one("c").is_err());
        assert!(fields.once().is_err());
        assert!(Fields::read(b"a=1&b=&c=1").unwrap().once().is_ok());
        assert!(Fields::read("x=1&".repeat(FIELDS_MAX).as_bytes()).is_ok());
        assert!(Fields::read("x=1&".repeat(FIELDS_MAX + 1).as_bytes()).is_err());
        let long = format!("x={}", "y".repeat(VALUE_MAX + 1));
        assert!(Fields::read(long.as_bytes()).is_err());
    }
}
