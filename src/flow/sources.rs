//! Where each source of flows has what the common record holds, as data: one [`Source`] for each layout, and one by the
//! names that unknown logs are likely to have. Of several names or terms, the first that is there counts.

use crate::schema::Layout;

/// Where one source has what. Names are canonical; they are compared folded.
pub struct Source {
    layouts: &'static [Layout],
    /// Names or IANA numbers.
    pub proto: &'static [&'static str],
    /// The window of the first TCP packet, negative where there is none: that is UDP, but for few. For want of a protocol.
    pub tcp_window: &'static [&'static str],
    pub service: &'static [&'static str],
    pub src_port: &'static [&'static str],
    pub dst_port: &'static [&'static str],
    /// Names of states, TCP flags in letters, or what a firewall did.
    pub state: &'static [&'static str],
    /// TCP flags as a number: of both directions or the forward one, and of the reverse one.
    pub flags: [&'static [&'static str]; 2],
    /// The same in hexadecimal digits, which tell more than the state.
    pub hex_flags: [&'static [&'static str]; 2],
    /// Counts of packets with the flag RST.
    pub resets: &'static [&'static str],
    /// In seconds.
    pub duration: &'static [Term],
    /// The same in whole seconds: enough for people, too coarse for the common record.
    pub age: &'static [Term],
    pub fwd_bytes: &'static [Term],
    pub rev_bytes: &'static [Term],
    pub fwd_pkts: &'static [Term],
    pub rev_pkts: &'static [Term],
    /// Of both directions together.
    pub bytes: &'static [Term],
    pub pkts: &'static [Term],
}

/// A number from one or more columns.
pub struct Term {
    pub of: Of,
    /// So many of the source's unit make one of the common unit. A quotient of whole numbers is the nearest double.
    pub per_unit: f64,
    /// Payload, to which headers are to be added.
    pub is_payload: bool,
    /// The source writes 0 for what it does not count.
    pub zero_is_missing: bool,
    /// The counter starts again at this number, and in the source's values may have gone below 0.
    pub wraps: Option<f64>,
}

pub enum Of {
    Product(&'static [&'static str]),
    /// The first without the second.
    Difference(&'static [&'static str; 2]),
}

const fn product(names: &'static [&'static str], per_unit: f64) -> Term {
    Term { of: Of::Product(names), per_unit, is_payload: false, zero_is_missing: false, wraps: None }
}

pub const fn is(names: &'static [&'static str; 1]) -> Term {
    product(names, 1.0)
}

const fn payload(names: &'static [&'static str], per_unit: f64) -> Term {
    Term { is_payload: true, ..product(names, per_unit) }
}

const fn difference(names: &'static [&'static str; 2], per_unit: f64) -> Term {
    Term { of: Of::Difference(names), ..product(&[], per_unit) }
}

const fn unless_zero(names: &'static [&'static str; 1]) -> Term {
    Term { zero_is_missing: true, ..is(names) }
}

const MS: f64 = 1e3;
const US: f64 = 1e6;

/// The source of this layout.
#[must_use]
pub fn of(layout: Layout) -> Option<&'static Source> {
    SOURCES.iter().find(|source| source.layouts.contains(&layout))
}

const NONE: Source = Source {
    layouts: &[],
    proto: &[],
    tcp_window: &[],
    service: &[],
    src_port: &[],
    dst_port: &[],
    state: &[],
    flags: [&[], &[]],
    hex_flags: [&[], &[]],
    resets: &[],
    duration: &[],
    age: &[],
    fwd_bytes: &[],
    rev_bytes: &[],
    fwd_pkts: &[],
    rev_pkts: &[],
    bytes: &[],
    pkts: &[],
};

const SOURCES: &[Source] = &[
    Source {
        layouts: &[Layout::TenColumns],
        proto: &["protocol"],
        src_port: &["source_port"],
        dst_port: &["destination_port"],
        duration: &[is(&["duration"])],
        fwd_bytes: &[is(&["bytes_sent"])],
        rev_bytes: &[is(&["bytes_received"])],
        fwd_pkts: &[is(&["packets_sent"])],
        rev_pkts: &[is(&["packets_received"])],
        ..NONE
    },
    // The task description of KDD Cup 1999: "number of data bytes". There are no packets, so no headers to add.
    Source {
        layouts: &[Layout::NslKdd],
        proto: &["protocol_type"],
        service: &["service"],
        state: &["flag"],
        duration: &[is(&["duration"])],
        fwd_bytes: &[payload(&["src_bytes"], 1.0)],
        rev_bytes: &[payload(&["dst_bytes"], 1.0)],
        ..NONE
    },
    // Its ARP records are of 46 bytes, an Ethernet frame's least payload: the bytes are those of the IP layer.
    Source {
        layouts: &[Layout::UnswNb15, Layout::UnswNb15Raw],
        proto: &["proto"],
        service: &["service"],
        src_port: &["sport"],
        dst_port: &["dsport"],
        state: &["state"],
        duration: &[is(&["dur"])],
        fwd_bytes: &[is(&["sbytes"])],
        rev_bytes: &[is(&["dbytes"])],
        fwd_pkts: &[is(&["spkts"])],
        rev_pkts: &[is(&["dpkts"])],
        ..NONE
    },
    // CICFlowMeter, BasicFlow.java: lengths are of payload. Cleaned sets lack counts of the reverse direction, which
    // follow from its rates. Its counts of FIN, SYN and ACK are of single packets in the older releases, so they tell
    // no state.
    Source {
        layouts: &[Layout::CicFlowMeter],
        proto: &["protocol"],
        tcp_window: &["init_win_bytes_forward"],
        src_port: &["source_port"],
        dst_port: &["destination_port"],
        resets: &["rst_flag_count"],
        duration: &[product(&["flow_duration"], US)],
        fwd_bytes: &[
            payload(&["total_length_of_fwd_packets"], 1.0),
            payload(&["subflow_fwd_bytes"], 1.0),
            payload(&["fwd_packet_length_mean", "fwd_packets_s", "flow_duration"], US),
        ],
        rev_bytes: &[
            payload(&["total_length_of_bwd_packets"], 1.0),
            payload(&["subflow_bwd_bytes"], 1.0),
            payload(&["bwd_packet_length_mean", "bwd_packets_s", "flow_duration"], US),
        ],
        fwd_pkts: &[is(&["total_fwd_packets"]), product(&["fwd_packets_s", "flow_duration"], US)],
        rev_pkts: &[is(&["total_backward_packets"]), product(&["bwd_packets_s", "flow_duration"], US)],
        ..NONE
    },
    // Zeek manual, "conn.log": `*_bytes` is payload by sequence numbers, `*_ip_bytes` from the IP headers.
    Source {
        layouts: &[Layout::ZeekConn],
        proto: &["proto"],
        service: &["service"],
        src_port: &["id.orig_p"],
        dst_port: &["id.resp_p"],
        state: &["conn_state"],
        duration: &[is(&["duration"])],
        fwd_bytes: &[is(&["orig_ip_bytes"]), payload(&["orig_bytes"], 1.0)],
        rev_bytes: &[is(&["resp_ip_bytes"]), payload(&["resp_bytes"], 1.0)],
        fwd_pkts: &[is(&["orig_pkts"])],
        rev_pkts: &[is(&["resp_pkts"])],
        ..NONE
    },
    // nProbe counts the IP layer. Its durations of more than 2^31 µs, far beyond its timeouts, are negative ones in a
    // counter of 32 bits: in NF-BoT-IoT-v2 they and DURATION_IN make up 2^32 µs.
    Source {
        layouts: &[Layout::NetFlow],
        proto: &["protocol"],
        src_port: &["l4_src_port"],
        dst_port: &["l4_dst_port"],
        flags: [&["client_tcp_flags", "tcp_flags"], &["server_tcp_flags"]],
        duration: &[Term { wraps: Some(4_294_967.0), ..product(&["flow_duration_milliseconds"], MS) }],
        fwd_bytes: &[is(&["in_bytes"])],
        rev_bytes: &[is(&["out_bytes"])],
        fwd_pkts: &[is(&["in_pkts"])],
        rev_pkts: &[is(&["out_pkts"])],
        ..NONE
    },
    Source {
        layouts: &[Layout::Argus],
        proto: &["proto"],
        src_port: &["sport"],
        dst_port: &["dport"],
        state: &["state"],
        duration: &[is(&["dur"])],
        fwd_bytes: &[is(&["srcbytes"])],
        rev_bytes: &[is(&["dstbytes"]), difference(&["totbytes", "srcbytes"], 1.0)],
        fwd_pkts: &[is(&["srcpkts"])],
        rev_pkts: &[is(&["dstpkts"]), difference(&["totpkts", "srcpkts"], 1.0)],
        bytes: &[is(&["totbytes"])],
        pkts: &[is(&["totpkts"])],
        ..NONE
    },
    Source {
        layouts: &[Layout::Nfdump],
        proto: &["proto"],
        src_port: &["srcport"],
        dst_port: &["dstport"],
        state: &["flags"],
        duration: &[is(&["duration"])],
        fwd_bytes: &[is(&["bytes"])],
        rev_bytes: &[unless_zero(&["outbytes"])],
        fwd_pkts: &[is(&["packets"])],
        rev_pkts: &[unless_zero(&["outpackets"])],
        ..NONE
    },
    Source {
        layouts: &[Layout::NfStream],
        proto: &["protocol"],
        service: &["application_name"],
        src_port: &["src_port"],
        dst_port: &["dst_port"],
        resets: &["bidirectional_rst_packets"],
        duration: &[product(&["bidirectional_duration_ms"], MS)],
        fwd_bytes: &[is(&["src2dst_bytes"])],
        rev_bytes: &[is(&["dst2src_bytes"])],
        fwd_pkts: &[is(&["src2dst_packets"])],
        rev_pkts: &[is(&["dst2src_packets"])],
        ..NONE
    },
    // The interval of aggregation stands for the duration.
    Source {
        layouts: &[Layout::AwsVpc],
        proto: &["protocol"],
        src_port: &["srcport"],
        dst_port: &["dstport"],
        state: &["action"],
        flags: [&["tcp-flags"], &[]],
        duration: &[difference(&["end", "start"], 1.0)],
        fwd_bytes: &[is(&["bytes"])],
        fwd_pkts: &[is(&["packets"])],
        ..NONE
    },
    // The state of a connection that was reset is "closed", too: flags tell more. The age is in whole seconds, 0 for most
    // flows. Bytes are those of whole packets, up to 14 more each than those of the IP layer.
    Source {
        layouts: &[Layout::SuricataEve],
        proto: &["proto"],
        service: &["app_proto"],
        src_port: &["src_port"],
        dst_port: &["dest_port"],
        state: &["flow.state"],
        hex_flags: [&["tcp.tcp_flags_ts", "tcp.tcp_flags"], &["tcp.tcp_flags_tc"]],
        age: &[is(&["flow.age"])],
        fwd_bytes: &[is(&["flow.bytes_toserver"])],
        rev_bytes: &[is(&["flow.bytes_toclient"])],
        fwd_pkts: &[is(&["flow.pkts_toserver"])],
        rev_pkts: &[is(&["flow.pkts_toclient"])],
        ..NONE
    },
];

/// Logs of no known layout, by folded names. A lone `bytes` counts the direction of its record, as in NetFlow.
pub const ANY: Source = Source {
    layouts: &[],
    proto: &[
        "protocol",
        "proto",
        "protocoltype",
        "ipproto",
        "ipprotocol",
        "protocolname",
        "protocolidentifier",
        "transport",
        "pr",
        "prot",
    ],
    tcp_window: &["initwinbytesforward", "initfwdwinbyts", "fwdinitwinbytes"],
    service: &["service", "applicationname", "application", "app", "appname", "servicename"],
    src_port: &[
        "srcport",
        "sourceport",
        "sport",
        "sp",
        "l4srcport",
        "idorigp",
        "sourcetransportport",
        "clientport",
        "srcpt",
    ],
    dst_port: &[
        "dstport",
        "destinationport",
        "destport",
        "dport",
        "dsport",
        "dp",
        "l4dstport",
        "idrespp",
        "destinationtransportport",
        "serverport",
        "dstpt",
    ],
    state: &["connstate", "state", "flowstate", "flag", "flg", "flags", "action"],
    flags: [&["clienttcpflags", "tcpflags", "tcpcontrolbits", "flags"], &["servertcpflags"]],
    hex_flags: [&[], &[]],
    resets: &["rstflagcount", "rstflagcnt", "rstcount", "bidirectionalrstpackets"],
    age: &[],
    // CICFlowMeter gave `flow duration` its name, and its unit.
    duration: &[
        is(&["duration"]),
        is(&["dur"]),
        is(&["durations"]),
        is(&["durationsec"]),
        is(&["durationseconds"]),
        is(&["elapsedtimesec"]),
        is(&["elapsed"]),
        is(&["td"]),
        product(&["durationms"], MS),
        product(&["durationmilliseconds"], MS),
        product(&["flowdurationms"], MS),
        product(&["flowdurationmilliseconds"], MS),
        product(&["durationus"], US),
        product(&["flowdurationus"], US),
        product(&["flowduration"], US),
        difference(&["flowendmilliseconds", "flowstartmilliseconds"], MS),
    ],
    fwd_bytes: &[
        is(&["fwdbytes"]),
        is(&["srcipbytes"]),
        is(&["origipbytes"]),
        is(&["srcbytes"]),
        is(&["sbytes"]),
        is(&["bytessent"]),
        is(&["sentbytes"]),
        is(&["sentbyte"]),
        is(&["bytestoserver"]),
        is(&["flowbytestoserver"]),
        is(&["src2dstbytes"]),
        is(&["srctodstbytes"]),
        is(&["clientbytes"]),
        is(&["inbytes"]),
        is(&["bytesin"]),
        is(&["ibyt"]),
        payload(&["origbytes"], 1.0),
        payload(&["totallengthoffwdpackets"], 1.0),
        payload(&["totlenfwdpkts"], 1.0),
        is(&["bytes"]),
        is(&["bytecount"]),
        is(&["octets"]),
        is(&["inoctets"]),
        is(&["octetdeltacount"]),
    ],
    rev_bytes: &[
        is(&["revbytes"]),
        is(&["dstipbytes"]),
        is(&["respipbytes"]),
        is(&["dstbytes"]),
        is(&["dbytes"]),
        is(&["bytesreceived"]),
        is(&["receivedbytes"]),
        is(&["rcvdbyte"]),
        is(&["bytestoclient"]),
        is(&["flowbytestoclient"]),
        is(&["dst2srcbytes"]),
        is(&["dsttosrcbytes"]),
        is(&["serverbytes"]),
        is(&["outbytes"]),
        is(&["bytesout"]),
        unless_zero(&["obyt"]),
        payload(&["respbytes"], 1.0),
        payload(&["totallengthofbwdpackets"], 1.0),
        payload(&["totlenbwdpkts"], 1.0),
        difference(&["totbytes", "srcbytes"], 1.0),
        difference(&["totalbytes", "srcbytes"], 1.0),
    ],
    fwd_pkts: &[
        is(&["fwdpkts"]),
        is(&["fwdpackets"]),
        is(&["origpkts"]),
        is(&["srcpkts"]),
        is(&["srcpackets"]),
        is(&["spkts"]),
        is(&["packetssent"]),
        is(&["sentpackets"]),
        is(&["sentpkt"]),
        is(&["pktssent"]),
        is(&["pktstoserver"]),
        is(&["flowpktstoserver"]),
        is(&["src2dstpackets"]),
        is(&["inpkts"]),
        is(&["numpktsin"]),
        is(&["inpackets"]),
        is(&["ipkt"]),
        is(&["totalfwdpackets"]),
        is(&["totfwdpkts"]),
        is(&["packets"]),
        is(&["pkts"]),
        is(&["packetcount"]),
        is(&["packetdeltacount"]),
    ],
    rev_pkts: &[
        is(&["revpkts"]),
        is(&["revpackets"]),
        is(&["resppkts"]),
        is(&["dstpkts"]),
        is(&["dstpackets"]),
        is(&["dpkts"]),
        is(&["packetsreceived"]),
        is(&["receivedpackets"]),
        is(&["rcvdpkt"]),
        is(&["pktsreceived"]),
        is(&["pktstoclient"]),
        is(&["flowpktstoclient"]),
        is(&["dst2srcpackets"]),
        is(&["outpkts"]),
        is(&["numpktsout"]),
        unless_zero(&["opkt"]),
        is(&["totalbackwardpackets"]),
        is(&["totbwdpkts"]),
        difference(&["totpkts", "srcpkts"], 1.0),
    ],
    bytes: &[is(&["totbytes"]), is(&["totalbytes"])],
    pkts: &[is(&["totpkts"]), is(&["totalpackets"]), is(&["totalpkts"])],
};
