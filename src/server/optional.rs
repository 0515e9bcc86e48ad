//! Services that the site file can switch off, because another daemon of the machine may use their port.

use std::io;

use tokio_util::sync::CancellationToken;

use super::appliance::Appliance;
use super::engines::Engines;
use super::error::ServerError;
use super::syslog::{self, SyslogServer};
use super::threads::PacketThread;
use super::{dns, ntp};
use crate::site::{Server, TimeService};

/// The enabled services, bound.
pub(super) struct Optional {
    syslog: Option<SyslogServer>,
    names: Option<dns::NameServer>,
    time: Option<ntp::TimeServer>,
}

impl Optional {
    /// Binds the services that the site file does not switch off. Must be called within a runtime.
    pub(super) fn bind(server: &Server, packets: &PacketThread) -> Result<Self, ServerError> {
        let (interface, address) = (&server.interface, server.address);
        let fail = |what: &str, port: u16, without: &str| {
            let what = format!("{what} {address}:{port} (`{without}` in `[server]` does without)");
            move |source: io::Error| ServerError::Bind { what, source }
        };
        let bind_syslog = || SyslogServer::bind(interface, address, syslog::PORT);
        let bind_names = || dns::NameServer::bind(interface, address, dns::PORT);
        let bind_time = || {
            // The time is only accurate if the thread that answers is fast.
            let _within = packets.handle().enter();
            ntp::TimeServer::bind(interface, address, ntp::PORT)
        };
        let syslog = server.syslog.then(bind_syslog).transpose();
        let names = server.dns.then(bind_names).transpose();
        let time = (server.ntp != TimeService::Off).then(bind_time).transpose();
        Ok(Self {
            syslog: syslog.map_err(fail("syslog", syslog::PORT, "syslog = false"))?,
            names: names.map_err(fail("DNS", dns::PORT, "dns = false"))?,
            time: time.map_err(fail("NTP", ntp::PORT, "ntp = \"off\""))?,
        })
    }

    /// Starts the bound services.
    pub(super) fn start(
        self,
        engines: &mut Engines,
        packets: &PacketThread,
        appliance: &Appliance,
        shutdown: &CancellationToken,
    ) {
        let served = &appliance.served;
        if let Some(syslog) = self.syslog {
            let (recent, store) = (appliance.recent.clone(), appliance.store.clone());
            let logs = appliance.site().server.state.join("logs");
            engines.start(
                "syslog",
                syslog.run(logs, served.clone(), recent, store, appliance.neighbours.clone(), shutdown.clone()),
            );
        }
        if let Some(names) = self.names {
            engines.start("DNS", names.run(served.clone(), shutdown.clone()));
        }
        if let Some(time) = self.time {
            engines.start_on(packets.handle(), "NTP", time.run(served.clone(), shutdown.clone()));
        }
    }
}
