//! Settings of the network: where the server is reached, by whom, and how often.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;

use anyhow::Context;
use axum::http::HeaderValue;
use clap::Args;
use ipnet::IpNet;

use super::origins;
use crate::http::TrustedProxies;
use crate::server::TlsFiles;

/// Where the server listens, unless it is told otherwise.
pub(super) const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

/// The flags of `hookgraph serve` about the network.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Network")]
pub struct NetworkArgs {
    /// Address and port to listen on; beyond this machine's own (loopback) addresses only with tokens
    #[arg(long, env = "HOOKGRAPH_LISTEN", value_name = "ADDRESS", default_value = DEFAULT_LISTEN, value_parser = super::address)]
    listen: SocketAddr,

    /// Speak HTTPS with this certificate: a PEM file, the server's own first and behind it those that vouch for it
    ///
    /// The files are read again when they change.
    #[arg(
        long,
        env = "HOOKGRAPH_TLS_CERT",
        value_name = "FILE",
        requires = "tls_key"
    )]
    tls_cert: Option<PathBuf>,

    /// The certificate's private key: a PEM file
    #[arg(
        long,
        env = "HOOKGRAPH_TLS_KEY",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    tls_key: Option<PathBuf>,

    /// Proxies whose X-Forwarded-For is believed, separated by commas: addresses, or networks such as 10.0.0.0/8
    #[arg(
        long,
        env = "HOOKGRAPH_TRUSTED_PROXIES",
        value_name = "ADDRESSES",
        value_delimiter = ','
    )]
    trusted_proxies: Vec<String>,

    /// Origins whose pages may ask with a token, separated by commas: scheme, host and port of each
    #[arg(
        long,
        env = "HOOKGRAPH_CORS_ORIGINS",
        value_name = "ORIGINS",
        value_delimiter = ','
    )]
    cors_origins: Vec<String>,

    /// How many operations each token may ask for in a minute, a costly one counted as several; 0 sets no limit
    #[arg(
        long,
        env = "HOOKGRAPH_RATE_LIMIT",
        value_name = "OPERATIONS",
        default_value_t = 6_000,
        value_parser = clap::value_parser!(u32).range(0..=10_000_000)
    )]
    rate_limit: u32,
}

/// Where the server is reached, by whom, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Where to listen.
    pub listen: SocketAddr,
    /// What to speak HTTPS with; without it HTTP is spoken.
    pub tls: Option<TlsFiles>,
    /// Proxies that are believed.
    pub trusted_proxies: TrustedProxies,
    /// Origins whose pages may ask.
    pub cors_origins: Vec<HeaderValue>,
    /// How many operations each token may ask for in a minute.
    pub rate_limit: Option<NonZeroU32>,
}

impl NetworkArgs {
    /// Checks what was given.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to do.
    pub(super) fn network(self) -> anyhow::Result<Network> {
        let given = |path: Option<PathBuf>| path.filter(|path| !path.as_os_str().is_empty());
        Ok(Network {
            listen: self.listen,
            tls: given(self.tls_cert)
                .zip(given(self.tls_key))
                .map(|(cert, key)| TlsFiles { cert, key }),
            trusted_proxies: proxies(&self.trusted_proxies)?,
            cors_origins: origins::origins(&self.cors_origins)?,
            rate_limit: NonZeroU32::new(self.rate_limit),
        })
    }
}

fn proxies(list: &[String]) -> anyhow::Result<TrustedProxies> {
    let texts = list.iter().map(|text| text.trim());
    texts
        .filter(|text| !text.is_empty())
        .map(|text| {
            let net = text.parse::<IpNet>().ok();
            net.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
                // Addresses of IPv4 are compared as such.
                .filter(|net| net.addr().to_canonical() == net.addr())
                .with_context(|| {
                    format!(
                        "HOOKGRAPH_TRUSTED_PROXIES: {text:?} is neither an address nor a network, such as 10.0.0.7 or 10.0.0.0/8"
                    )
                })
        })
        .collect()
}
