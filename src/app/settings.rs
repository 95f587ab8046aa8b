//! From the configuration to what each layer takes.

use std::sync::Arc;

use jiff::tz::TimeZone;
use tokio::net::TcpListener;

use crate::{
    config::{
        self, ConditionalDelete, Config, Fhir, Mail, Outbound, Queue, Server, Sms, SmsChannel,
    },
    fhir::json,
    http::{Access, Entrance, Proxies, RequestLimits, ServerLimits, Tls},
    interactions::{Limits, Narratives, OnWrite},
    kernel::problem::{Problem, Result},
    notify::{
        ChannelSettings, Language, SenderSettings, SmsSenderSettings,
        channel::{EmailSettings, Password, Security, SmsSettings},
    },
    outbound::{self, Fetch, Internet},
    queue::RunnerLimits,
};

/// Messages that the memory channel keeps; it counts all.
const MEMORY_CAPACITY: usize = 1_000;

/// Most bytes of a request's head: longer URLs are searched by POST.
const HEADER_BYTES_MAX: usize = 64 << 10;

pub(super) const fn access(server: &Server) -> Access {
    if server.insecure_no_auth {
        Access::Development
    } else {
        Access::Tokens
    }
}

pub(super) fn requests(config: &Config) -> RequestLimits {
    RequestLimits {
        body_bytes_max: config.fhir.body_bytes_max,
        body_read_timeout: config.server.body_timeout(),
    }
}

pub(super) fn connections(server: &Server) -> ServerLimits {
    let count = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
    ServerLimits {
        connections_max: count(server.connections_max),
        connections_per_peer_max: count(server.connections_per_address_max),
        header_read_timeout: server.header_timeout(),
        idle_timeout: server.idle_timeout(),
        write_stall_timeout: server.stall_timeout(),
        header_bytes_max: HEADER_BYTES_MAX,
        drain_timeout: server.drain_timeout(),
    }
}

/// The socket with what stands before it.
pub(super) async fn entrance(listener: TcpListener, server: &Server) -> Result<Entrance> {
    let tls = if server.tls.is_on() {
        let tls = Tls::open(&server.tls.certificate, &server.tls.key).await?;
        Some(Arc::new(tls))
    } else {
        None
    };
    Ok(Entrance {
        listener,
        tls,
        proxies: Proxies::new(server.proxies()),
    })
}

/// The one door to other servers.
pub(super) fn outbound(outbound: &Outbound) -> Result<Arc<dyn Fetch>> {
    let hosts = outbound.inside_hosts.split_whitespace();
    let rules = outbound::Rules {
        loopback: outbound.loopback,
        inside_hosts: hosts.map(str::to_owned).collect(),
        authority: outbound.authority.clone().map(String::into_bytes),
    };
    Ok(Arc::new(outbound::Outbound::open(
        Arc::new(Internet),
        rules,
    )?))
}

pub(super) const fn interactions(fhir: &Fhir) -> Limits {
    Limits {
        json: json::Limits {
            depth: fhir.json_depth_max,
        },
        delete_several: matches!(fhir.conditional_delete, ConditionalDelete::Multiple),
        bundle_entries_max: fhir.bundle_entries_max,
        page_default: fhir.page_size_default,
        page_max: fhir.page_size_max,
        on_write: match fhir.validation.on_write {
            config::OnWrite::Lenient => OnWrite::Lenient,
            config::OnWrite::Base => OnWrite::Base,
            config::OnWrite::Profiles => OnWrite::Profiles,
        },
        narratives: match fhir.validation.narrative {
            config::Narrative::Refuse => Narratives::Refuse,
            config::Narrative::Clean => Narratives::Clean,
            config::Narrative::Keep => Narratives::Keep,
        },
    }
}

pub(super) fn runner(queue: &Queue) -> RunnerLimits {
    RunnerLimits {
        lease: queue.lease(),
        batch: queue.batch,
        concurrency: usize::from(queue.workers),
    }
}

pub(super) fn channel(mail: &Mail) -> ChannelSettings {
    match mail.channel {
        config::Channel::Memory => ChannelSettings::Memory {
            capacity: MEMORY_CAPACITY,
        },
        config::Channel::File => ChannelSettings::File {
            folder: mail.directory.clone(),
        },
        config::Channel::Smtp => ChannelSettings::Email(EmailSettings {
            host: mail.host.clone(),
            port: mail.port,
            security: match mail.tls {
                config::Tls::Starttls => Security::StartTls,
                config::Tls::Implicit => Security::Tls,
                config::Tls::None => Security::Loopback,
            },
            authority: mail.authority.clone(),
            credentials: (!mail.user.is_empty()).then(|| {
                let password = Password::new(mail.password.reveal().to_owned());
                (mail.user.clone(), password)
            }),
            timeout: mail.timeout(),
            connections: mail.connections,
        }),
    }
}

pub(super) fn messages(mail: &Mail) -> SenderSettings {
    SenderSettings {
        from: mail.from.clone(),
        organization: mail.organization.clone(),
        public_url: mail.public_url.clone(),
        language: match mail.language {
            config::Language::Fr => Language::Fr,
            config::Language::En => Language::En,
        },
    }
}

/// The channel of text messages, if there is one.
pub(super) fn sms(sms: &Sms) -> Option<(ChannelSettings, SmsSenderSettings)> {
    let channel = match sms.channel {
        SmsChannel::None => return None,
        SmsChannel::Memory => ChannelSettings::Memory {
            capacity: MEMORY_CAPACITY,
        },
        SmsChannel::Http => {
            let authorization = sms.authorization.reveal();
            ChannelSettings::Sms(SmsSettings {
                url: sms.url.clone(),
                authorization: (!authorization.is_empty())
                    .then(|| Password::new(authorization.to_owned())),
                timeout: sms.timeout(),
            })
        }
    };
    let sender = SmsSenderSettings {
        from: sms.sender.clone(),
        organization: sms.organization.clone(),
    };
    Some((channel, sender))
}

/// The calendar of a patient whose time zone is not told; the configuration has been validated.
pub(super) fn time_zone(config: &Config) -> Result<TimeZone> {
    TimeZone::get(&config.pathways.time_zone).map_err(Problem::fault)
}
