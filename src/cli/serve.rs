//! `vigie serve`.

use std::{path::PathBuf, sync::Arc};

use clap::Args;

use super::configuration;
use crate::{
    app::{self, command::Ending, logging, signals, terminal},
    config::Config,
    kernel::{chance::Generator, problem::Result},
};

/// What `serve` can be told; the rest is in the configuration.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// The database: sqlite:PATH.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// A configuration file; `vigie check-config` prints one to begin with.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The server's certificate (PEM); with it, it speaks TLS.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<String>,
    /// The certificate's key (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<String>,
    /// Answer everybody, without a login; loopback addresses only.
    #[arg(long)]
    insecure_no_auth: bool,
    /// Let time stand still until PUT /clock moves it; loopback addresses only.
    #[arg(long, value_name = "INSTANT", num_args = 0..=1)]
    simulated_clock: Option<Option<String>>,
}

impl Arguments {
    pub(super) fn flags(&self) -> Vec<(&'static str, String)> {
        let mut flags = Vec::new();
        flags.extend(self.listen.clone().map(|text| ("server.listen", text)));
        flags.extend(self.database.clone().map(|text| ("database.url", text)));
        flags.extend((self.tls_cert.clone()).map(|text| ("server.tls.certificate", text)));
        flags.extend((self.tls_key.clone()).map(|text| ("server.tls.key", text)));
        if self.insecure_no_auth {
            flags.push(("server.insecure_no_auth", true.to_string()));
        }
        if let Some(start) = &self.simulated_clock {
            flags.push(("clock.simulated", true.to_string()));
            flags.extend(start.clone().map(|text| ("clock.start", text)));
        }
        flags
    }
}

/// Serves until SIGTERM or SIGINT.
pub(super) async fn run(arguments: Arguments) -> Result<Ending> {
    let flags = arguments.flags();
    let config = configuration(arguments.config, flags)?.config;
    logging::start(&config.log);
    let running = app::start(&config, Arc::new(Generator::from_system())).await?;
    terminal::say(&format!("listening on {}", running.base()));
    warn(&config);
    signals::stop_wanted().await?;
    tracing::info!("stopping: requests and jobs in hand are finished first");
    running.stop().await;
    tracing::info!("stopped");
    Ok(Ending::Done)
}

fn warn(config: &Config) {
    if config.server.insecure_no_auth {
        tracing::warn!(
            "everybody on this machine may read and write everything: no login is asked"
        );
    }
    if config.clock.simulated {
        tracing::warn!("time stands still until PUT /clock moves it");
    }
}
