//! The layouts that Oddflow knows by name, as data. Names are compared folded: letters and digits only, in lower case, so that
//! `Flow Byts/s`, ` flow_byts_s` and `FlowBytsS` are one.
//!
//! Canonical names are for ever: model packs find their columns by them.

use super::{Kind, Layout};
use rustc_hash::{FxHashMap, FxHashSet};

/// A known layout.
pub struct KnownLayout {
    pub layout: Layout,
    /// For people.
    pub name: &'static str,
    /// Canonical names that must be among the columns.
    required: &'static [&'static str],
    /// So many of the columns must be known.
    least: usize,
    columns: &'static [&'static [KnownColumn]],
}

/// A column of a known layout.
pub struct KnownColumn {
    pub canonical: &'static str,
    /// Folded names of other generations and exports, besides the folded canonical name.
    aliases: &'static [&'static str],
    pub kind: Kind,
    pub unit: Option<&'static str>,
    /// Why it is never a feature, where its kind does not say so.
    pub never: Option<&'static str>,
}

/// Letters and digits in lower case.
#[must_use]
pub fn fold(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The layout that a table with these column names follows, the best fit if several do.
#[must_use]
pub fn find(names: &[&str]) -> Option<&'static KnownLayout> {
    let fits = |layout: &&KnownLayout| {
        let known = layout.columns_of(names);
        let has = |canonical: &&str| known.iter().flatten().any(|column| column.canonical == *canonical);
        let count = known.iter().flatten().count();
        (count >= layout.least && layout.required.iter().all(has)).then_some(count)
    };
    LAYOUTS
        .iter()
        .filter_map(|layout| Some((fits(&layout)?, layout)))
        .max_by_key(|(count, _)| *count)
        .map(|(_, layout)| layout)
}

/// What is known of a layout.
#[must_use]
pub fn of(layout: Layout) -> Option<&'static KnownLayout> {
    LAYOUTS.iter().find(|known| known.layout == layout)
}

impl KnownLayout {
    /// The known column of each name; only the first of several names means the same column.
    #[must_use]
    pub fn columns_of(&self, names: &[&str]) -> Vec<Option<&'static KnownColumn>> {
        let mut columns = FxHashMap::<String, &KnownColumn>::default();
        for column in self.columns.iter().flat_map(|part| part.iter()) {
            columns.extend(column.aliases.iter().map(|alias| ((*alias).to_owned(), column)));
            columns.insert(fold(column.canonical), column);
        }
        let mut taken = FxHashSet::default();
        let known = |name: &&str| columns.get(&fold(name)).copied().filter(|column| taken.insert(column.canonical));
        names.iter().map(known).collect()
    }
}

const fn column(canonical: &'static str, aliases: &'static [&'static str], kind: Kind) -> KnownColumn {
    KnownColumn { canonical, aliases, kind, unit: None, never: None }
}

const fn number(canonical: &'static str, aliases: &'static [&'static str]) -> KnownColumn {
    column(canonical, aliases, Kind::Number)
}

const fn measured(canonical: &'static str, aliases: &'static [&'static str], unit: &'static str) -> KnownColumn {
    KnownColumn { unit: Some(unit), ..column(canonical, aliases, Kind::Number) }
}

const fn category(canonical: &'static str, aliases: &'static [&'static str]) -> KnownColumn {
    column(canonical, aliases, Kind::Category)
}

const fn never(column: KnownColumn, why: &'static str) -> KnownColumn {
    KnownColumn { never: Some(why), ..column }
}

const LAYOUTS: &[KnownLayout] = &[
    KnownLayout {
        layout: Layout::TenColumns,
        name: "Ten-column flow table",
        required: &["bytes_sent", "bytes_received"],
        least: 8,
        columns: &[TEN_COLUMNS],
    },
    KnownLayout {
        layout: Layout::NslKdd,
        name: "NSL-KDD",
        required: &["src_bytes", "dst_bytes"],
        least: 15,
        columns: &[NSL_KDD],
    },
    KnownLayout {
        layout: Layout::UnswNb15,
        name: "UNSW-NB15 set",
        required: &["sttl", "ct_state_ttl"],
        least: 15,
        columns: &[UNSW_SET, UNSW],
    },
    KnownLayout {
        layout: Layout::UnswNb15Raw,
        name: "UNSW-NB15 raw records",
        required: &["stime", "ltime", "sttl"],
        least: 15,
        columns: &[UNSW_RAW, UNSW],
    },
    KnownLayout {
        layout: Layout::CicFlowMeter,
        name: "CICFlowMeter",
        required: &["flow_duration"],
        least: 10,
        columns: &[CIC],
    },
    KnownLayout {
        layout: Layout::ZeekConn,
        name: "Zeek connection log",
        required: &["id.orig_h", "id.resp_h", "proto"],
        least: 8,
        columns: &[ZEEK_CONN],
    },
    KnownLayout {
        layout: Layout::NetFlow,
        name: "NetFlow, nProbe names",
        required: &["in_bytes", "out_bytes", "l4_dst_port"],
        least: 8,
        columns: &[NETFLOW],
    },
    KnownLayout {
        layout: Layout::Argus,
        name: "Argus flows",
        required: &["totbytes", "srcbytes", "dport"],
        least: 8,
        columns: &[ARGUS],
    },
    KnownLayout {
        layout: Layout::Nfdump,
        name: "nfdump flows",
        required: &["firstseen", "srcaddr", "packets", "bytes"],
        least: 8,
        columns: &[NFDUMP],
    },
    KnownLayout {
        layout: Layout::NfStream,
        name: "NFStream flows",
        required: &["src2dst_packets", "src2dst_bytes", "dst2src_bytes"],
        least: 10,
        columns: &[NFSTREAM],
    },
    KnownLayout {
        layout: Layout::AwsVpc,
        name: "AWS VPC flow log",
        required: &["srcaddr", "packets", "bytes", "action", "log-status"],
        least: 10,
        columns: &[AWS_VPC],
    },
    KnownLayout {
        layout: Layout::SuricataEve,
        name: "Suricata flow events",
        required: &["flow.bytes_toserver", "flow.bytes_toclient"],
        least: 8,
        columns: &[SURICATA_EVE],
    },
];

const TEN_COLUMNS: &[KnownColumn] = &[
    column("source_ip", &[], Kind::Address),
    column("destination_ip", &[], Kind::Address),
    column("source_port", &[], Kind::Port),
    column("destination_port", &[], Kind::Port),
    category("protocol", &[]),
    measured("bytes_sent", &[], "bytes"),
    measured("bytes_received", &[], "bytes"),
    measured("packets_sent", &[], "packets"),
    measured("packets_received", &[], "packets"),
    number("duration", &[]),
];

// KDD Cup 1999, task description; NSL-KDD, Tavallaee 2009.
const NSL_KDD: &[KnownColumn] = &[
    measured("duration", &[], "s"),
    category("protocol_type", &["protocol"]),
    category("service", &[]),
    category("flag", &[]),
    measured("src_bytes", &[], "bytes"),
    measured("dst_bytes", &[], "bytes"),
    number("land", &[]),
    number("wrong_fragment", &[]),
    number("urgent", &[]),
    number("hot", &[]),
    number("num_failed_logins", &[]),
    number("logged_in", &[]),
    number("num_compromised", &["lnumcompromised"]),
    number("root_shell", &["lrootshell"]),
    number("su_attempted", &["lsuattempted"]),
    number("num_root", &["lnumroot"]),
    number("num_file_creations", &["lnumfilecreations"]),
    number("num_shells", &["lnumshells"]),
    number("num_access_files", &["lnumaccessfiles"]),
    number("num_outbound_cmds", &["lnumoutboundcmds"]),
    number("is_host_login", &["ishotlogin"]),
    number("is_guest_login", &[]),
    number("count", &[]),
    number("srv_count", &[]),
    number("serror_rate", &[]),
    number("srv_serror_rate", &[]),
    number("rerror_rate", &[]),
    number("srv_rerror_rate", &[]),
    number("same_srv_rate", &[]),
    number("diff_srv_rate", &[]),
    number("srv_diff_host_rate", &[]),
    number("dst_host_count", &[]),
    number("dst_host_srv_count", &[]),
    number("dst_host_same_srv_rate", &[]),
    number("dst_host_diff_srv_rate", &[]),
    number("dst_host_same_src_port_rate", &[]),
    number("dst_host_srv_diff_host_rate", &[]),
    number("dst_host_serror_rate", &[]),
    number("dst_host_srv_serror_rate", &[]),
    number("dst_host_rerror_rate", &[]),
    number("dst_host_srv_rerror_rate", &[]),
    never(
        number("difficulty", &["difficultylevel", "level", "successpred", "difficultyscore"]),
        "the difficulty score of NSL-KDD, which follows from the label",
    ),
];

// UNSW-NB15, Moustafa 2015. The sets and the raw records name the same columns differently; the sets' names are canonical.
const UNSW: &[KnownColumn] = &[
    column("srcip", &[], Kind::Address),
    column("sport", &[], Kind::Port),
    column("dstip", &[], Kind::Address),
    column("dsport", &["dport"], Kind::Port),
    category("proto", &[]),
    category("state", &[]),
    category("service", &[]),
    measured("dur", &[], "s"),
    measured("sbytes", &[], "bytes"),
    measured("dbytes", &[], "bytes"),
    number("sttl", &[]),
    number("dttl", &[]),
    measured("sloss", &[], "packets"),
    measured("dloss", &[], "packets"),
    measured("sload", &[], "bits/s"),
    measured("dload", &[], "bits/s"),
    measured("spkts", &[], "packets"),
    measured("dpkts", &[], "packets"),
    number("swin", &[]),
    number("dwin", &[]),
    number("stcpb", &[]),
    number("dtcpb", &[]),
    measured("smean", &["smeansz"], "bytes"),
    measured("dmean", &["dmeansz"], "bytes"),
    number("trans_depth", &[]),
    measured("response_body_len", &["resbdylen"], "bytes"),
    measured("sjit", &[], "ms"),
    measured("djit", &[], "ms"),
    measured("sinpkt", &["sintpkt"], "ms"),
    measured("dinpkt", &["dintpkt"], "ms"),
    measured("tcprtt", &[], "s"),
    measured("synack", &[], "s"),
    measured("ackdat", &[], "s"),
    number("is_sm_ips_ports", &[]),
    number("ct_state_ttl", &[]),
    number("ct_flw_http_mthd", &[]),
    number("is_ftp_login", &[]),
    number("ct_ftp_cmd", &[]),
    number("ct_srv_src", &[]),
    number("ct_srv_dst", &[]),
    number("ct_dst_ltm", &[]),
    number("ct_src_ltm", &[]),
    number("ct_src_dport_ltm", &[]),
    number("ct_dst_sport_ltm", &[]),
    number("ct_dst_src_ltm", &[]),
];
const UNSW_SET: &[KnownColumn] = &[column("id", &[], Kind::Identifier), measured("rate", &[], "packets/s")];
const UNSW_RAW: &[KnownColumn] = &[column("stime", &[], Kind::Time), column("ltime", &[], Kind::Time)];

// CICFlowMeter: the names of CIC-IDS2017 are canonical; beside them those of CSE-CIC-IDS2018 (and of the Python port, which
// fold to the same) and of the newer releases.
const CIC: &[KnownColumn] = &[
    column("flow_id", &[], Kind::Identifier),
    column("source_ip", &["srcip"], Kind::Address),
    column("source_port", &["srcport"], Kind::Port),
    column("destination_ip", &["dstip"], Kind::Address),
    column("destination_port", &["dstport"], Kind::Port),
    column("source_mac", &["srcmac"], Kind::Address),
    column("destination_mac", &["dstmac"], Kind::Address),
    category("protocol", &[]),
    column("timestamp", &[], Kind::Time),
    measured("flow_duration", &[], "µs"),
    measured("total_fwd_packets", &["totfwdpkts", "totalfwdpacket"], "packets"),
    measured("total_backward_packets", &["totbwdpkts", "totalbwdpackets", "totalbwdpacket"], "packets"),
    measured(
        "total_length_of_fwd_packets",
        &["totlenfwdpkts", "totallengthoffwdpacket", "fwdpacketslengthtotal"],
        "bytes",
    ),
    measured(
        "total_length_of_bwd_packets",
        &["totlenbwdpkts", "totallengthofbwdpacket", "bwdpacketslengthtotal"],
        "bytes",
    ),
    measured("fwd_packet_length_max", &["fwdpktlenmax"], "bytes"),
    measured("fwd_packet_length_min", &["fwdpktlenmin"], "bytes"),
    measured("fwd_packet_length_mean", &["fwdpktlenmean"], "bytes"),
    measured("fwd_packet_length_std", &["fwdpktlenstd"], "bytes"),
    measured("bwd_packet_length_max", &["bwdpktlenmax"], "bytes"),
    measured("bwd_packet_length_min", &["bwdpktlenmin"], "bytes"),
    measured("bwd_packet_length_mean", &["bwdpktlenmean"], "bytes"),
    measured("bwd_packet_length_std", &["bwdpktlenstd"], "bytes"),
    measured("flow_bytes_s", &["flowbytss"], "bytes/s"),
    measured("flow_packets_s", &["flowpktss"], "packets/s"),
    measured("flow_iat_mean", &[], "µs"),
    measured("flow_iat_std", &[], "µs"),
    measured("flow_iat_max", &[], "µs"),
    measured("flow_iat_min", &[], "µs"),
    measured("fwd_iat_total", &["fwdiattot"], "µs"),
    measured("fwd_iat_mean", &[], "µs"),
    measured("fwd_iat_std", &[], "µs"),
    measured("fwd_iat_max", &[], "µs"),
    measured("fwd_iat_min", &[], "µs"),
    measured("bwd_iat_total", &["bwdiattot"], "µs"),
    measured("bwd_iat_mean", &[], "µs"),
    measured("bwd_iat_std", &[], "µs"),
    measured("bwd_iat_max", &[], "µs"),
    measured("bwd_iat_min", &[], "µs"),
    number("fwd_psh_flags", &["fwdpshflag"]),
    number("bwd_psh_flags", &["bwdpshflag"]),
    number("fwd_urg_flags", &["fwdurgflag"]),
    number("bwd_urg_flags", &["bwdurgflag"]),
    measured("fwd_header_length", &["fwdheaderlen"], "bytes"),
    measured("bwd_header_length", &["bwdheaderlen"], "bytes"),
    measured("fwd_packets_s", &["fwdpktss"], "packets/s"),
    measured("bwd_packets_s", &["bwdpktss"], "packets/s"),
    measured("min_packet_length", &["pktlenmin", "packetlengthmin"], "bytes"),
    measured("max_packet_length", &["pktlenmax", "packetlengthmax"], "bytes"),
    measured("packet_length_mean", &["pktlenmean"], "bytes"),
    measured("packet_length_std", &["pktlenstd"], "bytes"),
    number("packet_length_variance", &["pktlenvar"]),
    number("fin_flag_count", &["finflagcnt"]),
    number("syn_flag_count", &["synflagcnt"]),
    number("rst_flag_count", &["rstflagcnt"]),
    number("psh_flag_count", &["pshflagcnt"]),
    number("ack_flag_count", &["ackflagcnt"]),
    number("urg_flag_count", &["urgflagcnt"]),
    number("cwe_flag_count", &["cweflagcnt", "cwrflagcount", "cwrflagcnt"]),
    number("ece_flag_count", &["eceflagcnt"]),
    number("down_up_ratio", &[]),
    measured("average_packet_size", &["pktsizeavg", "avgpacketsize"], "bytes"),
    measured("avg_fwd_segment_size", &["fwdsegsizeavg", "fwdsegmentsizeavg"], "bytes"),
    measured("avg_bwd_segment_size", &["bwdsegsizeavg", "bwdsegmentsizeavg"], "bytes"),
    measured("fwd_header_length.1", &[], "bytes"),
    number("fwd_avg_bytes_bulk", &["fwdbytsbavg", "fwdbytesbulkavg"]),
    number("fwd_avg_packets_bulk", &["fwdpktsbavg", "fwdpacketbulkavg", "fwdpacketsbulkavg"]),
    number("fwd_avg_bulk_rate", &["fwdblkrateavg", "fwdbulkrateavg"]),
    number("bwd_avg_bytes_bulk", &["bwdbytsbavg", "bwdbytesbulkavg"]),
    number("bwd_avg_packets_bulk", &["bwdpktsbavg", "bwdpacketbulkavg", "bwdpacketsbulkavg"]),
    number("bwd_avg_bulk_rate", &["bwdblkrateavg", "bwdbulkrateavg"]),
    measured("subflow_fwd_packets", &["subflowfwdpkts"], "packets"),
    measured("subflow_fwd_bytes", &["subflowfwdbyts"], "bytes"),
    measured("subflow_bwd_packets", &["subflowbwdpkts"], "packets"),
    measured("subflow_bwd_bytes", &["subflowbwdbyts"], "bytes"),
    measured("init_win_bytes_forward", &["initfwdwinbyts", "fwdinitwinbytes", "initfwdwinbytes"], "bytes"),
    measured("init_win_bytes_backward", &["initbwdwinbyts", "bwdinitwinbytes", "initbwdwinbytes"], "bytes"),
    measured("act_data_pkt_fwd", &["fwdactdatapkts", "fwdactdatapackets"], "packets"),
    measured("min_seg_size_forward", &["fwdsegsizemin"], "bytes"),
    measured("active_mean", &[], "µs"),
    measured("active_std", &[], "µs"),
    measured("active_max", &[], "µs"),
    measured("active_min", &[], "µs"),
    measured("idle_mean", &[], "µs"),
    measured("idle_std", &[], "µs"),
    measured("idle_max", &[], "µs"),
    measured("idle_min", &[], "µs"),
];

// Zeek manual, "conn.log".
const ZEEK_CONN: &[KnownColumn] = &[
    column("ts", &[], Kind::Time),
    column("uid", &[], Kind::Identifier),
    column("id.orig_h", &[], Kind::Address),
    column("id.orig_p", &[], Kind::Port),
    column("id.resp_h", &[], Kind::Address),
    column("id.resp_p", &[], Kind::Port),
    category("proto", &[]),
    category("service", &[]),
    measured("duration", &[], "s"),
    measured("orig_bytes", &[], "bytes"),
    measured("resp_bytes", &[], "bytes"),
    category("conn_state", &[]),
    category("local_orig", &[]),
    category("local_resp", &[]),
    measured("missed_bytes", &[], "bytes"),
    category("history", &[]),
    measured("orig_pkts", &[], "packets"),
    measured("orig_ip_bytes", &[], "bytes"),
    measured("resp_pkts", &[], "packets"),
    measured("resp_ip_bytes", &[], "bytes"),
    column("tunnel_parents", &[], Kind::Identifier),
    category("ip_proto", &[]),
    category("vlan", &[]),
    category("inner_vlan", &[]),
    column("orig_l2_addr", &[], Kind::Address),
    column("resp_l2_addr", &[], Kind::Address),
    column("community_id", &[], Kind::Identifier),
    category("_node_name", &[]),
];

// nProbe user's guide, "Flow format"; Sarhan 2022 (NF-v2) and Luay 2025 (NF-v3).
const NETFLOW: &[KnownColumn] = &[
    column("flow_start_milliseconds", &[], Kind::Time),
    column("flow_end_milliseconds", &[], Kind::Time),
    column("ipv4_src_addr", &[], Kind::Address),
    column("l4_src_port", &[], Kind::Port),
    column("ipv4_dst_addr", &[], Kind::Address),
    column("l4_dst_port", &[], Kind::Port),
    category("protocol", &[]),
    category("l7_proto", &[]),
    measured("in_bytes", &[], "bytes"),
    measured("in_pkts", &[], "packets"),
    measured("out_bytes", &[], "bytes"),
    measured("out_pkts", &[], "packets"),
    category("tcp_flags", &[]),
    category("client_tcp_flags", &[]),
    category("server_tcp_flags", &[]),
    measured("flow_duration_milliseconds", &[], "ms"),
    measured("duration_in", &[], "ms"),
    measured("duration_out", &[], "ms"),
    number("min_ttl", &[]),
    number("max_ttl", &[]),
    measured("longest_flow_pkt", &[], "bytes"),
    measured("shortest_flow_pkt", &[], "bytes"),
    measured("min_ip_pkt_len", &[], "bytes"),
    measured("max_ip_pkt_len", &[], "bytes"),
    measured("src_to_dst_second_bytes", &[], "bytes/s"),
    measured("dst_to_src_second_bytes", &[], "bytes/s"),
    measured("retransmitted_in_bytes", &[], "bytes"),
    measured("retransmitted_in_pkts", &[], "packets"),
    measured("retransmitted_out_bytes", &[], "bytes"),
    measured("retransmitted_out_pkts", &[], "packets"),
    measured("src_to_dst_avg_throughput", &[], "bits/s"),
    measured("dst_to_src_avg_throughput", &[], "bits/s"),
    measured("num_pkts_up_to_128_bytes", &[], "packets"),
    measured("num_pkts_128_to_256_bytes", &[], "packets"),
    measured("num_pkts_256_to_512_bytes", &[], "packets"),
    measured("num_pkts_512_to_1024_bytes", &[], "packets"),
    measured("num_pkts_1024_to_1514_bytes", &[], "packets"),
    measured("tcp_win_max_in", &[], "bytes"),
    measured("tcp_win_max_out", &[], "bytes"),
    category("icmp_type", &[]),
    category("icmp_ipv4_type", &[]),
    column("dns_query_id", &[], Kind::Identifier),
    category("dns_query_type", &[]),
    measured("dns_ttl_answer", &[], "s"),
    category("ftp_command_ret_code", &[]),
    measured("src_to_dst_iat_min", &[], "ms"),
    measured("src_to_dst_iat_max", &[], "ms"),
    measured("src_to_dst_iat_avg", &[], "ms"),
    measured("src_to_dst_iat_stddev", &[], "ms"),
    measured("dst_to_src_iat_min", &[], "ms"),
    measured("dst_to_src_iat_max", &[], "ms"),
    measured("dst_to_src_iat_avg", &[], "ms"),
    measured("dst_to_src_iat_stddev", &[], "ms"),
    never(category("dataset", &[]), "names the capture"),
];

// Manual of ra, "-s fields"; the columns are the user's choice.
const ARGUS: &[KnownColumn] = &[
    column("starttime", &["stime"], Kind::Time),
    column("lasttime", &["ltime"], Kind::Time),
    measured("dur", &[], "s"),
    category("proto", &[]),
    column("srcaddr", &["saddr"], Kind::Address),
    column("sport", &[], Kind::Port),
    category("dir", &[]),
    column("dstaddr", &["daddr"], Kind::Address),
    column("dport", &[], Kind::Port),
    category("state", &[]),
    category("stos", &[]),
    category("dtos", &[]),
    category("flgs", &[]),
    measured("totpkts", &["pkts"], "packets"),
    measured("totbytes", &["bytes"], "bytes"),
    measured("srcpkts", &["spkts"], "packets"),
    measured("dstpkts", &["dpkts"], "packets"),
    measured("srcbytes", &["sbytes"], "bytes"),
    measured("dstbytes", &["dbytes"], "bytes"),
];

// nfdump 1.7 `-o csv` and `-o csv-fast`, whose names are canonical; beside them those of 1.6.
const NFDUMP: &[KnownColumn] = &[
    column("firstseen", &["ts", "datefirstseen"], Kind::Time),
    column("lastseen", &["te"], Kind::Time),
    column("received", &["tr"], Kind::Time),
    measured("duration", &["td"], "s"),
    category("proto", &["pr"]),
    column("srcaddr", &["sa", "srcipaddr"], Kind::Address),
    column("srcport", &["sp", "srcpt"], Kind::Port),
    column("dstaddr", &["da", "dstipaddr"], Kind::Address),
    column("dstport", &["dp", "dstpt"], Kind::Port),
    category("flags", &["flg"]),
    category("fwd", &[]),
    category("tos", &["stos", "srctos"]),
    category("dtos", &["dsttos"]),
    category("dir", &[]),
    measured("packets", &["ipkt", "inpackets"], "packets"),
    measured("bytes", &["ibyt", "inbytes"], "bytes"),
    measured("outpackets", &["opkt"], "packets"),
    measured("outbytes", &["obyt"], "bytes"),
    number("flows", &[]),
    column("nexthop", &["nh"], Kind::Address),
    column("bgpnexthop", &["nhb"], Kind::Address),
    column("router", &["ra"], Kind::Address),
    column("insrcmac", &["ismc"], Kind::Address),
    column("outdstmac", &["odmc"], Kind::Address),
    column("indstmac", &["idmc"], Kind::Address),
    column("outsrcmac", &["osmc"], Kind::Address),
    measured("clientlatency", &["cl"], "ms"),
    measured("serverlatency", &["sl"], "ms"),
    measured("applatency", &["al"], "ms"),
];

// NFStream's documentation, "NFlow attributes".
const NFSTREAM: &[KnownColumn] = &[
    column("id", &[], Kind::Identifier),
    category("expiration_id", &[]),
    column("src_ip", &[], Kind::Address),
    column("src_mac", &[], Kind::Address),
    column("src_oui", &[], Kind::Identifier),
    column("src_port", &[], Kind::Port),
    column("dst_ip", &[], Kind::Address),
    column("dst_mac", &[], Kind::Address),
    column("dst_oui", &[], Kind::Identifier),
    column("dst_port", &[], Kind::Port),
    category("protocol", &[]),
    category("ip_version", &[]),
    category("vlan_id", &[]),
    column("tunnel_id", &[], Kind::Identifier),
    column("bidirectional_first_seen_ms", &[], Kind::Time),
    column("bidirectional_last_seen_ms", &[], Kind::Time),
    measured("bidirectional_duration_ms", &[], "ms"),
    measured("bidirectional_packets", &[], "packets"),
    measured("bidirectional_bytes", &[], "bytes"),
    measured("bidirectional_min_ps", &[], "bytes"),
    measured("bidirectional_mean_ps", &[], "bytes"),
    measured("bidirectional_stddev_ps", &[], "bytes"),
    measured("bidirectional_max_ps", &[], "bytes"),
    measured("bidirectional_min_piat_ms", &[], "ms"),
    measured("bidirectional_mean_piat_ms", &[], "ms"),
    measured("bidirectional_stddev_piat_ms", &[], "ms"),
    measured("bidirectional_max_piat_ms", &[], "ms"),
    measured("bidirectional_syn_packets", &[], "packets"),
    measured("bidirectional_cwr_packets", &[], "packets"),
    measured("bidirectional_ece_packets", &[], "packets"),
    measured("bidirectional_urg_packets", &[], "packets"),
    measured("bidirectional_ack_packets", &[], "packets"),
    measured("bidirectional_psh_packets", &[], "packets"),
    measured("bidirectional_rst_packets", &[], "packets"),
    measured("bidirectional_fin_packets", &[], "packets"),
    column("src2dst_first_seen_ms", &[], Kind::Time),
    column("src2dst_last_seen_ms", &[], Kind::Time),
    measured("src2dst_duration_ms", &[], "ms"),
    measured("src2dst_packets", &[], "packets"),
    measured("src2dst_bytes", &[], "bytes"),
    measured("src2dst_min_ps", &[], "bytes"),
    measured("src2dst_mean_ps", &[], "bytes"),
    measured("src2dst_stddev_ps", &[], "bytes"),
    measured("src2dst_max_ps", &[], "bytes"),
    measured("src2dst_min_piat_ms", &[], "ms"),
    measured("src2dst_mean_piat_ms", &[], "ms"),
    measured("src2dst_stddev_piat_ms", &[], "ms"),
    measured("src2dst_max_piat_ms", &[], "ms"),
    measured("src2dst_syn_packets", &[], "packets"),
    measured("src2dst_cwr_packets", &[], "packets"),
    measured("src2dst_ece_packets", &[], "packets"),
    measured("src2dst_urg_packets", &[], "packets"),
    measured("src2dst_ack_packets", &[], "packets"),
    measured("src2dst_psh_packets", &[], "packets"),
    measured("src2dst_rst_packets", &[], "packets"),
    measured("src2dst_fin_packets", &[], "packets"),
    column("dst2src_first_seen_ms", &[], Kind::Time),
    column("dst2src_last_seen_ms", &[], Kind::Time),
    measured("dst2src_duration_ms", &[], "ms"),
    measured("dst2src_packets", &[], "packets"),
    measured("dst2src_bytes", &[], "bytes"),
    measured("dst2src_min_ps", &[], "bytes"),
    measured("dst2src_mean_ps", &[], "bytes"),
    measured("dst2src_stddev_ps", &[], "bytes"),
    measured("dst2src_max_ps", &[], "bytes"),
    measured("dst2src_min_piat_ms", &[], "ms"),
    measured("dst2src_mean_piat_ms", &[], "ms"),
    measured("dst2src_stddev_piat_ms", &[], "ms"),
    measured("dst2src_max_piat_ms", &[], "ms"),
    measured("dst2src_syn_packets", &[], "packets"),
    measured("dst2src_cwr_packets", &[], "packets"),
    measured("dst2src_ece_packets", &[], "packets"),
    measured("dst2src_urg_packets", &[], "packets"),
    measured("dst2src_ack_packets", &[], "packets"),
    measured("dst2src_psh_packets", &[], "packets"),
    measured("dst2src_rst_packets", &[], "packets"),
    measured("dst2src_fin_packets", &[], "packets"),
    category("application_name", &[]),
    category("application_category_name", &[]),
    category("application_is_guessed", &[]),
    category("application_confidence", &[]),
    column("requested_server_name", &[], Kind::FreeText),
    column("client_fingerprint", &[], Kind::Identifier),
    column("server_fingerprint", &[], Kind::Identifier),
    column("user_agent", &[], Kind::FreeText),
    column("content_type", &[], Kind::FreeText),
];

// Amazon VPC user guide, "Flow log records": versions 2 to 5.
const AWS_VPC: &[KnownColumn] = &[
    category("version", &[]),
    column("account-id", &[], Kind::Identifier),
    column("interface-id", &[], Kind::Identifier),
    column("srcaddr", &[], Kind::Address),
    column("dstaddr", &[], Kind::Address),
    column("srcport", &[], Kind::Port),
    column("dstport", &[], Kind::Port),
    category("protocol", &[]),
    measured("packets", &[], "packets"),
    measured("bytes", &[], "bytes"),
    column("start", &[], Kind::Time),
    column("end", &[], Kind::Time),
    category("action", &[]),
    category("log-status", &[]),
    column("vpc-id", &[], Kind::Identifier),
    column("subnet-id", &[], Kind::Identifier),
    column("instance-id", &[], Kind::Identifier),
    category("tcp-flags", &[]),
    category("type", &[]),
    column("pkt-srcaddr", &[], Kind::Address),
    column("pkt-dstaddr", &[], Kind::Address),
    category("region", &[]),
    category("az-id", &[]),
    category("flow-direction", &[]),
    category("traffic-path", &[]),
];

// Suricata user guide, "EVE JSON format": flow events. Flags are hexadecimal, of all packets, those to the server and those to the
// client; those that are set are said again one by one.
const SURICATA_EVE: &[KnownColumn] = &[
    never(column("timestamp", &[], Kind::Time), "when the event was written, not when the flow began"),
    column("flow_id", &[], Kind::Identifier),
    column("parent_id", &[], Kind::Identifier),
    column("community_id", &[], Kind::Identifier),
    category("event_type", &[]),
    category("in_iface", &[]),
    category("host", &[]),
    category("vlan", &[]),
    column("src_ip", &[], Kind::Address),
    column("src_port", &[], Kind::Port),
    column("dest_ip", &[], Kind::Address),
    column("dest_port", &[], Kind::Port),
    column("ether.src_mac", &[], Kind::Address),
    column("ether.dest_mac", &[], Kind::Address),
    column("ether.src_macs", &[], Kind::Identifier),
    column("ether.dest_macs", &[], Kind::Identifier),
    category("ip_v", &[]),
    category("proto", &[]),
    category("icmp_type", &[]),
    category("icmp_code", &[]),
    category("app_proto", &[]),
    category("app_proto_ts", &[]),
    category("app_proto_tc", &[]),
    category("app_proto_orig", &[]),
    category("app_proto_expected", &[]),
    measured("flow.pkts_toserver", &[], "packets"),
    measured("flow.pkts_toclient", &[], "packets"),
    measured("flow.bytes_toserver", &[], "bytes"),
    measured("flow.bytes_toclient", &[], "bytes"),
    column("flow.start", &[], Kind::Time),
    column("flow.end", &[], Kind::Time),
    measured("flow.age", &[], "s"),
    category("flow.state", &[]),
    category("flow.reason", &[]),
    category("flow.alerted", &[]),
    category("tcp.tcp_flags", &[]),
    category("tcp.tcp_flags_ts", &[]),
    category("tcp.tcp_flags_tc", &[]),
    category("tcp.syn", &[]),
    category("tcp.fin", &[]),
    category("tcp.rst", &[]),
    category("tcp.psh", &[]),
    category("tcp.ack", &[]),
    category("tcp.urg", &[]),
    category("tcp.ecn", &[]),
    category("tcp.cwr", &[]),
    category("tcp.state", &[]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn check(names: &str, expected: Option<Layout>, canonical: &[(&str, &str)]) {
        let names: Vec<&str> = names.split(',').collect();
        let found = find(&names);
        assert_eq!(found.map(|known| known.layout), expected, "{names:?}");
        for (name, canonical) in canonical {
            let known = found.and_then(|known| known.columns_of(&[name])[0]);
            assert_eq!(known.map(|column| column.canonical), Some(*canonical), "{name}");
        }
    }

    #[test]
    fn layouts_are_found_by_their_names() {
        check(
            "Flow ID, Source IP, Protocol, Flow Duration, Total Fwd Packets, Total Backward Packets,Flow Bytes/s, Flow IAT Mean,\
             Fwd PSH Flags,Fwd Header Length,Fwd Header Length.1, Init_Win_bytes_forward, Label",
            Some(Layout::CicFlowMeter),
            &[(" Flow Duration", "flow_duration"), ("Fwd Header Length.1", "fwd_header_length.1")],
        );
        check(
            "Dst Port,Protocol,Timestamp,Flow Duration,Tot Fwd Pkts,Tot Bwd Pkts,TotLen Fwd Pkts,Flow Byts/s,Flow Pkts/s,Pkt Len Var,\
             Init Fwd Win Byts,Fwd Seg Size Min,Label",
            Some(Layout::CicFlowMeter),
            &[("Tot Fwd Pkts", "total_fwd_packets"), ("Init Fwd Win Byts", "init_win_bytes_forward")],
        );
        check(
            "src_ip,dst_ip,src_port,dst_port,protocol,timestamp,flow_duration,flow_byts_s,flow_pkts_s,tot_fwd_pkts,fwd_blk_rate_avg",
            Some(Layout::CicFlowMeter),
            &[("flow_byts_s", "flow_bytes_s"), ("fwd_blk_rate_avg", "fwd_avg_bulk_rate")],
        );
        check(
            "ts,uid,id_orig_h,id_orig_p,id_resp_h,id_resp_p,proto,service,duration,conn_state",
            Some(Layout::ZeekConn),
            &[("id_orig_h", "id.orig_h")],
        );
        // The same columns of UNSW-NB15's sets and raw records have the same canonical names.
        for (names, layout) in [
            (
                "id,dur,proto,service,state,spkts,dpkts,sbytes,dbytes,rate,sttl,dttl,sload,dload,smean,sinpkt,ct_state_ttl",
                Layout::UnswNb15,
            ),
            (
                "srcip,dur,proto,service,state,Spkts,Dpkts,sbytes,dbytes,Stime,Ltime,sttl,dttl,Sload,Dload,smeansz,Sintpkt,ct_state_ttl",
                Layout::UnswNb15Raw,
            ),
        ] {
            let last = |prefix: &str| {
                names.split(',').rfind(|name| name.to_lowercase().starts_with(prefix)).unwrap_or_default()
            };
            let pairs = [("sload", "sload"), ("smean", "smean"), ("sin", "sinpkt"), ("dpkts", "dpkts")];
            check(names, Some(layout), &pairs.map(|(prefix, canonical)| (last(prefix), canonical)));
        }
        check(
            "IPV4_SRC_ADDR,L4_SRC_PORT,IPV4_DST_ADDR,L4_DST_PORT,PROTOCOL,L7_PROTO,IN_BYTES,IN_PKTS,OUT_BYTES,\
             OUT_PKTS,TCP_FLAGS,FLOW_DURATION_MILLISECONDS,Label,Attack",
            Some(Layout::NetFlow),
            &[("L4_DST_PORT", "l4_dst_port")],
        );
        check(
            "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,Label",
            Some(Layout::Argus),
            &[("StartTime", "starttime"), ("TotBytes", "totbytes")],
        );
        for names in [
            "firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes,flows",
            "ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt,in,out",
        ] {
            check(names, Some(Layout::Nfdump), &[("ipkt", "packets"), ("srcAddr", "srcaddr"), ("sa", "srcaddr")]);
        }
        check(
            "id,expiration_id,src_ip,src_port,dst_ip,dst_port,protocol,bidirectional_duration_ms,bidirectional_packets,\
             bidirectional_bytes,src2dst_packets,src2dst_bytes,dst2src_packets,dst2src_bytes,application_name",
            Some(Layout::NfStream),
            &[("src2dst_bytes", "src2dst_bytes")],
        );
        check(
            "version,account-id,interface-id,srcaddr,dstaddr,srcport,dstport,protocol,packets,bytes,start,end,action,\
             log-status",
            Some(Layout::AwsVpc),
            &[("log_status", "log-status")],
        );
        check(
            "timestamp,flow_id,event_type,src_ip,src_port,dest_ip,dest_port,proto,flow.pkts_toserver,flow.pkts_toclient,\
             flow.bytes_toserver,flow.bytes_toclient,flow.start,tcp.tcp_flags",
            Some(Layout::SuricataEve),
            &[("dest_ip", "dest_ip"), ("tcp.tcp_flags", "tcp.tcp_flags")],
        );
        check("a,b,c", None, &[]);
        check("", None, &[]);
    }

    #[test]
    fn no_name_means_two_columns() {
        for layout in LAYOUTS {
            let mut names = HashSet::new();
            for column in layout.columns.iter().flat_map(|part| part.iter()) {
                assert!(names.insert(fold(column.canonical)), "{}: {}", layout.name, column.canonical);
                for alias in column.aliases {
                    assert_eq!(&fold(alias), alias);
                    assert!(names.insert((*alias).to_owned()), "{}: {alias}", layout.name);
                }
            }
        }
    }
}
