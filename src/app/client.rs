//! A client of a FHIR server, for the commands: over kept-alive connections, or straight into the
//! router of this process; problems as data.

use axum::Router;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, StatusCode, Uri,
    header::{CONTENT_TYPE, LOCATION},
    service::Service as _,
};
use hyper_util::{
    client::legacy::{Client as Pool, connect::HttpConnector},
    rt::TokioExecutor,
    service::TowerToHyperService,
};
use serde_json::Value;

use crate::http;
use crate::kernel::problem::{Category, Issue, Problem, Result};

/// Connections kept open for the next request.
const IDLE_CONNECTIONS: usize = 32;

/// A server, by its base URL.
#[derive(Clone)]
pub struct Client {
    base: String,
    way: Way,
}

/// How requests reach the server.
#[derive(Clone)]
enum Way {
    Network(Pool<HttpConnector, Full<Bytes>>),
    Direct(TowerToHyperService<Router>),
}

/// What the server replied.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// `Location`, if there is one.
    pub location: Option<String>,
    /// The body.
    pub body: Bytes,
}

impl Client {
    /// A client of the server at `base`, such as `http://127.0.0.1:8080/fhir`.
    ///
    /// # Errors
    /// `Invalid`, if `base` is not an http address.
    pub fn new(base: &str) -> Result<Self> {
        let uri: Option<Uri> = base.parse().ok();
        if uri.is_none_or(|uri| uri.scheme_str() != Some("http") || uri.host().is_none()) {
            let reason = format!("{base} is not an address that begins with http://.");
            return Err(Problem::invalid("value", reason));
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build(connector);
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            way: Way::Network(pool),
        })
    }

    /// A client of a router in this process.
    pub(super) fn direct(router: Router) -> Self {
        Self {
            base: http::BASE_PATH.to_owned(),
            way: Way::Direct(TowerToHyperService::new(router)),
        }
    }

    /// The base URL.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends one request; `path` is relative to the base, unless it is a whole address.
    ///
    /// # Errors
    /// `Busy`, if the server cannot be reached; any status is an answer.
    pub async fn send(&self, method: Method, path: &str, body: Option<Bytes>) -> Result<Answer> {
        let uri = if path.starts_with("http://") {
            path.to_owned()
        } else {
            format!("{}{path}", self.base)
        };
        let mut request = Request::builder().method(method).uri(uri);
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/fhir+json");
        }
        let request = request
            .body(Full::new(body.unwrap_or_default()))
            .map_err(|e| Problem::invalid("value", e.to_string()))?;
        let (head, body) = match &self.way {
            Way::Network(pool) => {
                let response = pool.request(request).await.map_err(unreachable)?;
                let (head, body) = response.into_parts();
                (head, body.collect().await.map_err(unreachable)?.to_bytes())
            }
            Way::Direct(router) => {
                let response = router.call(request).await.map_err(unreachable)?;
                let (head, body) = response.into_parts();
                (head, body.collect().await.map_err(unreachable)?.to_bytes())
            }
        };
        let location = head
            .headers
            .get(LOCATION)
            .and_then(|value| value.to_str().ok());
        Ok(Answer {
            status: head.status,
            location: location.map(str::to_owned),
            body,
        })
    }

    /// Sends a tree and reads the answer as one.
    ///
    /// # Errors
    /// As [`Client::send`]; and what the server refused, with its reasons.
    pub async fn send_tree(&self, method: Method, path: &str, tree: &Value) -> Result<Value> {
        let body = Bytes::from(tree.to_string());
        self.send(method, path, Some(body)).await?.tree()
    }

    /// Reads a tree.
    ///
    /// # Errors
    /// As [`Client::send_tree`].
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.send(Method::GET, path, None).await?.tree()
    }

    /// The number of matches of a search, such as `/Task?status=requested`.
    ///
    /// # Errors
    /// As [`Client::send_tree`].
    pub async fn count(&self, search: &str) -> Result<u64> {
        let sign = if search.contains('?') { '&' } else { '?' };
        let page = self.get(&format!("{search}{sign}_summary=count")).await?;
        page["total"]
            .as_u64()
            .ok_or_else(|| Problem::fault(format!("{search} has no total")))
    }

    /// Every match of a search, over all pages.
    ///
    /// # Errors
    /// As [`Client::send_tree`].
    pub async fn all(&self, search: &str) -> Result<Vec<Value>> {
        let mut found = Vec::new();
        let mut next = Some(search.to_owned());
        while let Some(page) = next.take() {
            let mut page = self.get(&page).await?;
            let links = page["link"].as_array().into_iter().flatten();
            next = links
                .filter(|link| link["relation"] == "next")
                .find_map(|link| link["url"].as_str().map(str::to_owned));
            if let Some(entries) = page["entry"].as_array_mut() {
                found.extend(entries.iter_mut().map(|entry| entry["resource"].take()));
            }
        }
        Ok(found)
    }
}

impl Answer {
    /// Whether the server did what it was asked; the body of a success is not looked at.
    ///
    /// # Errors
    /// As [`Answer::tree`], for a refusal.
    pub fn check(&self) -> Result<()> {
        if self.status.is_success() {
            return Ok(());
        }
        self.tree().map(|_| ())
    }

    /// The body, or why the server refused.
    ///
    /// # Errors
    /// The issues of the OperationOutcome, if the status is not of success; `Fault`, if the body
    /// is not JSON.
    pub fn tree(&self) -> Result<Value> {
        let tree: Value = match self.body.as_ref() {
            b"" => Value::Null,
            body => serde_json::from_slice(body).map_err(Problem::fault)?,
        };
        if self.status.is_success() {
            return Ok(tree);
        }
        Err(Problem::with_issues(
            category(self.status),
            issues(&tree, self.status),
        ))
    }
}

/// Only what matters to a command: whether to come again, or whose fault it is.
fn category(status: StatusCode) -> Category {
    match status {
        StatusCode::SERVICE_UNAVAILABLE => Category::Busy,
        StatusCode::TOO_MANY_REQUESTS => Category::TooManyRequests,
        StatusCode::NOT_FOUND => Category::NotFound,
        StatusCode::UNAUTHORIZED => Category::Unauthenticated,
        status if status.is_server_error() => Category::Fault,
        _ => Category::Invalid,
    }
}

fn issues(outcome: &Value, status: StatusCode) -> Vec<Issue> {
    let listed = outcome["issue"].as_array().into_iter().flatten();
    let mut issues: Vec<Issue> = listed
        .map(|issue| {
            let text = issue["diagnostics"]
                .as_str()
                .or(issue["details"]["text"].as_str());
            let text = text.unwrap_or("The server gives no reason.");
            let told = Issue::error("processing", format!("{status}: {text}"));
            match issue["expression"][0].as_str() {
                Some(place) => told.at(place),
                None => told,
            }
        })
        .collect();
    if issues.is_empty() {
        issues.push(Issue::error("processing", status.to_string()));
    }
    issues
}

fn unreachable(error: impl std::error::Error) -> Problem {
    let mut text = error.to_string();
    if let Some(source) = error.source() {
        text = format!("{text}: {source}");
    }
    Problem::busy(format!("The server cannot be reached: {text}."))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_plain_http_addresses_are_taken() {
        assert!(Client::new("http://127.0.0.1:8080/fhir/").is_ok());
        for base in ["https://example.org/fhir", "example.org", "", "http://"] {
            assert!(Client::new(base).is_err(), "{base}");
        }
    }

    #[test]
    fn a_refusal_tells_its_reasons_and_places() {
        let outcome = json!({ "resourceType": "OperationOutcome", "issue": [
            { "diagnostics": "It is no date.", "expression": ["Patient.birthDate"] },
        ]});
        let answer = Answer {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            location: None,
            body: Bytes::from(outcome.to_string()),
        };
        let problem = answer.tree().unwrap_err();
        assert_eq!(
            problem.issues[0].expression.as_deref(),
            Some("Patient.birthDate")
        );
        assert!(problem.to_string().contains("It is no date."));
        let silent = Answer {
            body: Bytes::new(),
            ..answer
        };
        assert!(silent.tree().unwrap_err().to_string().contains("422"));
    }
}
