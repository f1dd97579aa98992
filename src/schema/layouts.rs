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
    KnownColumn {
        never: Some("the difficulty score of NSL-KDD, which follows from the label"),
        ..number("difficulty", &["difficultylevel", "level", "successpred", "difficultyscore"])
    },
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
