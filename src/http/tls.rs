//! The server's own certificate: TLS 1.2 and 1.3 by rustls, and files that may change meanwhile.
//!
//! A certificate is renewed every few weeks by a program that knows nothing of this one: the files
//! are read again now and then, and at SIGHUP. A pair that does not fit, as while one of the two
//! has been replaced and the other has not, changes nothing.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tokio::{
    signal::unix::{SignalKind, signal},
    time::sleep,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};
use tokio_util::sync::CancellationToken;

use crate::kernel::problem::{Problem, Result};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// What is spoken inside of TLS.
const PROTOCOL: &[u8] = b"http/1.1";

/// A certificate and its key, as their files last fitted together.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Current>,
}

struct Current {
    config: Arc<ServerConfig>,
    /// Of the files last looked at, whether they fitted or not.
    seen: blake3::Hash,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads a certificate with its chain and its key, both PEM.
    ///
    /// # Errors
    /// `Invalid` at the key of the configuration, if a file cannot be read or does not fit.
    pub async fn open(certificate: &Path, key: &Path) -> Result<Self> {
        let chain = read("server.tls.certificate", certificate).await?;
        let secret = read("server.tls.key", key).await?;
        Ok(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            current: RwLock::new(Current {
                config: config(&chain, &secret)?,
                seen: seen(&chain, &secret),
            }),
        })
    }

    /// What takes the next connection.
    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&current.config))
    }

    /// Takes files that have changed; says whether they had.
    ///
    /// # Errors
    /// As [`Self::open`]; the last pair that fitted stays in use, and the fault is told once.
    pub async fn refresh(&self) -> Result<bool> {
        let chain = read("server.tls.certificate", &self.certificate).await?;
        let secret = read("server.tls.key", &self.key).await?;
        let seen = seen(&chain, &secret);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.seen == seen {
            return Ok(false);
        }
        current.seen = seen;
        current.config = config(&chain, &secret)?;
        Ok(true)
    }

    /// Looks at the files now and then, and at SIGHUP, until `shutdown`.
    pub(super) async fn keep_fresh(self: Arc<Self>, shutdown: CancellationToken) {
        let mut hang_up = signal(SignalKind::hangup()).ok();
        loop {
            let hung_up = async {
                match &mut hang_up {
                    Some(signal) => signal.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = sleep(LOOK_EVERY) => {}
                _ = hung_up => {}
            }
            match self.refresh().await {
                Ok(true) => tracing::info!("the server's certificate has been read again"),
                Ok(false) => {}
                Err(problem) => {
                    tracing::error!(%problem, "the server's certificate stays as it was");
                }
            }
        }
    }
}

async fn read(key: &str, path: &Path) -> Result<Vec<u8>> {
    let read = tokio::fs::read(path).await;
    read.map_err(|e| Problem::invalid("value", format!("{}: {e}", path.display())).at(key))
}

fn seen(chain: &[u8], secret: &[u8]) -> blake3::Hash {
    // Each by itself, so that no byte can pass from one to the other.
    let both = [
        *blake3::hash(chain).as_bytes(),
        *blake3::hash(secret).as_bytes(),
    ];
    blake3::hash(both.as_flattened())
}

fn config(chain: &[u8], secret: &[u8]) -> Result<Arc<ServerConfig>> {
    let refused = |key: &str, says: &str| Problem::invalid("value", says).at(key);
    let chain = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<Vec<_>, _>>()
        .ok()
        .filter(|chain| !chain.is_empty())
        .ok_or_else(|| refused("server.tls.certificate", "It holds no certificate in PEM."))?;
    let secret = PrivateKeyDer::from_pem_slice(secret)
        .map_err(|_| refused("server.tls.key", "It holds no private key in PEM."))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Problem::fault)?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|e| refused("server.tls.key", &format!("It does not fit: {e}.")))?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures/tls")
            .join(name)
    }

    fn is_same(before: &TlsAcceptor, after: &TlsAcceptor) -> bool {
        Arc::ptr_eq(before.config(), after.config())
    }

    #[tokio::test]
    async fn files_that_change_are_read_again_and_a_pair_that_does_not_fit_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
        fs::copy(fixture("first.pem"), &certificate).unwrap();
        fs::copy(fixture("first.key"), &key).unwrap();
        let tls = Tls::open(&certificate, &key).await.expect("a pair");
        let first = tls.acceptor();
        assert_eq!(tls.refresh().await, Ok(false));

        // Half of a renewal: the fault is told once, and the pair in use stays.
        fs::copy(fixture("second.pem"), &certificate).unwrap();
        assert!(tls.refresh().await.is_err());
        assert_eq!(tls.refresh().await, Ok(false));
        assert!(is_same(&first, &tls.acceptor()));

        fs::copy(fixture("second.key"), &key).unwrap();
        assert_eq!(tls.refresh().await, Ok(true));
        assert!(!is_same(&first, &tls.acceptor()));

        fs::remove_file(&key).unwrap();
        assert!(tls.refresh().await.is_err());
    }

    #[tokio::test]
    async fn what_is_no_pair_is_refused_at_its_key() {
        let (first, key) = (fixture("first.pem"), fixture("first.key"));
        for (certificate, key, at) in [
            (fixture("none.pem"), key.clone(), "server.tls.certificate"),
            (key.clone(), key.clone(), "server.tls.certificate"),
            (first.clone(), first.clone(), "server.tls.key"),
            (first.clone(), fixture("second.key"), "server.tls.key"),
        ] {
            let problem = Tls::open(&certificate, &key).await.unwrap_err();
            assert_eq!(problem.issues[0].expression.as_deref(), Some(at));
        }
        assert!(Tls::open(&first, &key).await.is_ok());
    }
}
