//! What protocols, services, ports and states are called in flow logs, as data.

use crate::schema::fold;

/// The transport of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proto {
    Tcp,
    Udp,
    Icmp,
    Other,
}

impl Proto {
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::Other => "other",
        }
    }

    /// Of a number of the IANA registry "Protocol Numbers"; ICMP of IPv4 and IPv6 are one.
    pub fn of_number(x: f64) -> Option<Self> {
        match x as u8 {
            number if f64::from(number) != x => None,
            6 => Some(Self::Tcp),
            17 => Some(Self::Udp),
            1 | 58 => Some(Self::Icmp),
            _ => Some(Self::Other),
        }
    }

    pub fn of_text(text: &str) -> Option<Self> {
        Some(match fold(text).as_str() {
            "tcp" => Self::Tcp,
            "udp" => Self::Udp,
            "icmp" | "icmp6" | "icmpv6" | "ipv6icmp" => Self::Icmp,
            "" | "unknown" => return None,
            _ => Self::Other,
        })
    }

    /// The bytes of the IPv4 header and that of the transport, without options.
    pub fn headers(proto: Option<Self>) -> f64 {
        match proto {
            None | Some(Self::Tcp) => 40.0,
            Some(Self::Udp | Self::Icmp) => 28.0,
            Some(Self::Other) => 20.0,
        }
    }
}

/// What people call a protocol that a source writes as a number of the IANA registry "Protocol Numbers", for those that are met in
/// flow logs.
#[must_use]
pub fn protocol_name(number: &str) -> Option<&'static str> {
    const NAMES: &[(u8, &str)] = &[
        (1, "icmp"),
        (2, "igmp"),
        (4, "ipip"),
        (6, "tcp"),
        (17, "udp"),
        (41, "ipv6"),
        (47, "gre"),
        (50, "esp"),
        (51, "ah"),
        (58, "icmpv6"),
        (88, "eigrp"),
        (89, "ospf"),
        (103, "pim"),
        (112, "vrrp"),
        (132, "sctp"),
    ];
    let number: u8 = number.parse().ok()?;
    NAMES.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

/// Whether a protocol, by its name or number, is ICMP or ICMPv6: what flow logs write in its columns of ports is a type or a code.
#[must_use]
pub fn is_icmp(protocol: &str) -> bool {
    let protocol = protocol.trim();
    protocol_name(protocol).unwrap_or(protocol).to_ascii_lowercase().contains("icmp")
}

/// In plain words, a state that Zeek (manual, "conn.log") and KDD Cup 1999 write, or Argus (manual of ra, "state").
#[must_use]
pub fn state_meaning(state: &str) -> Option<&'static str> {
    const MEANINGS: &[(&str, &str)] = &[
        ("S0", "an attempt without reply"),
        ("S1", "established, not closed"),
        ("SF", "with a normal start and end"),
        ("REJ", "an attempt that was rejected"),
        ("S2", "established, closed by the source alone"),
        ("S3", "established, closed by the destination alone"),
        ("RSTO", "established, then reset by the source"),
        ("RSTR", "reset by the destination"),
        ("RSTOS0", "a SYN and a reset of the source, without reply"),
        ("RSTRH", "a SYN-ACK and a reset of the destination, whose SYN was not seen"),
        ("SH", "a SYN and a FIN of the source, without reply"),
        ("SHR", "a SYN-ACK and a FIN of the destination, whose SYN was not seen"),
        ("OTH", "a flow whose start was not seen"),
        ("REQ", "an attempt without reply"),
        ("INT", "packets of one side alone"),
        ("ECO", "an echo request without reply"),
        ("ECR", "an echo reply"),
        ("URP", "port unreachable"),
        ("URH", "host unreachable"),
    ];
    MEANINGS.iter().find(|(known, _)| *known == state.trim()).map(|(_, meaning)| *meaning)
}

/// In plain words, a class of [`port_class`] where it stands for a service that nothing tells.
#[must_use]
pub fn unknown_service(class: &str) -> Option<&'static str> {
    match class {
        "well-known" => Some("unknown on a well-known port"),
        "registered" => Some("unknown on a registered port"),
        "dynamic" => Some("unknown on a dynamic port"),
        _ => None,
    }
}

/// The range of RFC 6335, section 6.
pub fn port_class(port: u16) -> &'static str {
    match port {
        0..=1023 => "well-known",
        1024..=49151 => "registered",
        _ => "dynamic",
    }
}

/// The class of the service of all ICMP.
pub const ICMP: &str = "icmp";
/// The class of a service that has a name, but none of those below.
const OTHER: &str = "other";

/// Classes of services: the folded names that Zeek, Argus, nDPI, KDD Cup 1999 and firewalls have for them, and the
/// ports of the IANA registry, with those that are in common use though not registered.
const SERVICES: &[(&str, &[&str], &[u16])] = &[
    (
        "http",
        &["http", "http80", "http2784", "http8001", "httpproxy", "webbrowsing", "www", "aol"],
        &[80, 81, 591, 3128, 8000, 8008, 8080, 8081, 8088, 8888],
    ),
    ("https", &["https", "ssl", "tls", "http443", "quic", "dtls"], &[443, 4433, 8443, 9443]),
    ("dns", &["dns", "domain", "domainu", "mdns", "llmnr"], &[53, 853, 5353, 5355]),
    ("ssh", &["ssh"], &[22, 2222]),
    (
        "mail",
        &["mail", "smtp", "smtps", "pop2", "pop3", "pop3s", "imap", "imap4", "imaps"],
        &[25, 109, 110, 143, 465, 587, 993, 995, 2525],
    ),
    (
        "file",
        &["ftp", "ftpdata", "ftps", "tftp", "tftpu", "smb", "cifs", "netbiosssn", "nfs", "rsync", "afp", "uucp"],
        &[20, 21, 69, 139, 445, 548, 873, 989, 990, 2049],
    ),
    (
        "remote",
        &[
            "telnet",
            "rdp",
            "vnc",
            "rfb",
            "login",
            "shell",
            "exec",
            "klogin",
            "kshell",
            "x11",
            "remotejob",
            "supdup",
            "msrdp",
            "teamviewer",
        ],
        &[23, 512, 513, 514, 992, 2323, 3389, 5800, 5900, 5901, 5938, 5985, 5986, 6000, 6001],
    ),
    (
        "database",
        &["sql", "sqlnet", "mysql", "postgresql", "postgres", "mssql", "mssqldb", "tds", "oracle", "mongodb", "redis"],
        &[1433, 1434, 1521, 3306, 5432, 6379, 9042, 9200, 11211, 27017],
    ),
    (
        "infrastructure",
        &[
            "ntp",
            "ntpu",
            "dhcp",
            "bootp",
            "snmp",
            "syslog",
            "ldap",
            "ldaps",
            "kerberos",
            "krb",
            "krbtcp",
            "radius",
            "netbiosns",
            "netbiosdgm",
            "dcerpc",
            "gssapi",
            "ntlm",
            "sunrpc",
            "rpc",
            "bgp",
            "ssdp",
            "time",
            "netstat",
            "systat",
            "finger",
            "auth",
            "whois",
            "msrpc",
        ],
        &[
            37, 43, 67, 68, 79, 88, 111, 113, 123, 135, 137, 138, 161, 162, 179, 389, 464, 500, 546, 547, 631, 636,
            1645, 1646, 1812, 1813, 1900, 3268, 3269, 4500, 5351,
        ],
    ),
    ("chat", &["irc", "sip", "rtp", "rtsp", "stun", "xmpp"], &[194, 554, 3478, 5060, 5061, 5222, 6666, 6667, 6697]),
    (ICMP, &["icmp", "ecoi", "ecri", "urpi", "urhi", "redi", "timi"], &[]),
];

/// The class of a service that a source names. Zeek may give several names, nDPI an application behind its protocol;
/// the first that is known counts. A name that says nothing is none.
pub fn service_of_text(text: &str) -> Option<&'static str> {
    let mut parts = text.split([',', '.', ';']).map(fold);
    let class =
        |name: String| SERVICES.iter().find(|(_, names, _)| names.contains(&name.as_str())).map(|service| service.0);
    let says_nothing =
        ["", "unknown", "other", "private", "none", "incomplete", "notapplicable", "unknowntcp", "failed"];
    let known = parts.find_map(class);
    known.or_else(|| (!says_nothing.contains(&fold(text).as_str())).then_some(OTHER))
}

/// The class of the service that is usual at a port.
pub fn service_of_port(port: u16) -> Option<&'static str> {
    SERVICES.iter().find(|(.., ports)| ports.contains(&port)).map(|service| service.0)
}

/// What became of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Both sides took part.
    Established,
    /// Nothing came back.
    Attempted,
    /// Refused, unreachable, or broken off by a reset.
    Rejected,
    Other,
}

/// The states of Zeek (manual, "conn.log"), which KDD Cup 1999 has as well; those of Argus (manual of ra, "state") for
/// UDP and ICMP, and for TCP as UNSW-NB15 has them; what firewalls did.
const STATES: &[(State, &[&str])] = &[
    (
        State::Established,
        &["sf", "s1", "s2", "s3", "fin", "con", "acc", "clo", "est", "established", "closed", "finished", "ecr"],
    ),
    (State::Attempted, &["s0", "sh", "rstos0", "req", "int", "eco", "new", "attempted"]),
    (
        State::Rejected,
        &[
            "rej", "rsto", "rstr", "rstrh", "rst", "reset", "urp", "urh", "urn", "urf", "rejected", "reject", "deny",
            "denied", "drop", "dropped", "block", "blocked",
        ],
    ),
];
/// A firewall that lets a flow pass does not say what became of it, nor does one word for all that is rare.
const NO_STATES: &[&str] = &["", "other", "accept", "accepted", "allow", "allowed", "permit", "pass", "unknown"];

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

impl State {
    pub fn name(self) -> &'static str {
        match self {
            Self::Established => "established",
            Self::Attempted => "attempted",
            Self::Rejected => "rejected",
            Self::Other => "other",
        }
    }

    /// A state's name, or TCP flags as Argus (`SPA_FSPA`) and nfdump (`...AP.SF`, `0x1b`) write them.
    pub fn of_text(text: &str) -> Option<Self> {
        let folded = fold(text);
        if let Some((state, _)) = STATES.iter().find(|(_, names)| names.contains(&folded.as_str())) {
            return Some(*state);
        }
        let is_flags = |mark: char| text.contains(mark) && text.chars().all(|c| c == mark || "FSRPAUEC".contains(c));
        if is_flags('_') {
            let (forward, reverse) = text.split_once('_').unwrap_or((text, ""));
            return Self::of_flags(flags(forward), Some(flags(reverse)));
        }
        if is_flags('.') {
            return Self::of_flags(flags(text), None);
        }
        if let Some(bits) = text.strip_prefix("0x").and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            return Self::of_flags(bits, None);
        }
        (!NO_STATES.contains(&folded.as_str())).then_some(Self::Other)
    }

    /// From the TCP flags (RFC 9293, section 3.1) of all packets of the forward direction, or of both, and of the
    /// reverse one, if they are apart. A reset after a FIN breaks nothing off.
    pub fn of_flags(forward: u8, reverse: Option<u8>) -> Option<Self> {
        let all = forward | reverse.unwrap_or(0);
        Some(match () {
            () if all == 0 => return None,
            () if reverse == Some(0) => Self::Attempted,
            () if all & RST != 0 && all & FIN == 0 => Self::Rejected,
            () if all & ACK != 0 => Self::Established,
            () if all & (SYN | FIN) != 0 => Self::Attempted,
            () => Self::Other,
        })
    }
}

/// The names of TCP flags (RFC 9293, section 3.1; RFC 3168), from the lowest bit up; `None` where there are other bits, too.
#[must_use]
pub fn flag_names(bits: u16) -> Option<String> {
    const NAMES: [&str; 8] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
    if bits >> NAMES.len() != 0 {
        return None;
    }
    let set: Vec<&str> =
        NAMES.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, name)| *name).collect();
    Some(if set.is_empty() { "none".into() } else { set.join("+") })
}

fn flags(letters: &str) -> u8 {
    let bit = |letter| match letter {
        'F' => FIN,
        'S' => SYN,
        'R' => RST,
        'P' => 8,
        'A' => ACK,
        'U' => 32,
        _ => 0,
    };
    letters.chars().map(bit).fold(0, |all, flag| all | flag)
}
