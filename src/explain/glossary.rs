//! What the columns of the research sets mean, where their names do not tell: after the task description of KDD Cup 1999 and the
//! feature list of UNSW-NB15 (Moustafa and Slay, 2015). And which columns hold TCP flags, of which nobody knows the numbers by heart.
//!
//! The other names of other sources are what their users call the columns, and stay as they are.

use super::words::Unit;
use crate::schema::Layout;

/// Canonical name, what people call it, and how its values are written. Units that the layout knows are left to it.
type Entry = (&'static str, &'static str, Unit);

/// What is known of a column by this canonical name in a file of this layout.
#[must_use]
pub fn find(layout: Option<Layout>, canonical: &str) -> Option<(&'static str, Unit)> {
    let entries = match layout? {
        Layout::NslKdd => NSL_KDD,
        Layout::UnswNb15 | Layout::UnswNb15Raw => UNSW,
        Layout::NetFlow => NETFLOW,
        Layout::AwsVpc => AWS_VPC,
        Layout::SuricataEve => SURICATA_EVE,
        _ => return None,
    };
    entries.iter().find(|(name, ..)| *name == canonical).map(|&(_, label, unit)| (label, unit))
}

/// What people call a column whose name does not tell.
#[must_use]
pub fn meaning(layout: Option<Layout>, canonical: &str) -> Option<&'static str> {
    find(layout, canonical).map(|(label, _)| label)
}

/// `count` and its like look at the past two seconds, `dst_host` at the last hundred connections.
const NSL_KDD: &[Entry] = &[
    ("land", "To itself", Unit::Flag),
    ("wrong_fragment", "Wrong fragments", Unit::None),
    ("urgent", "Urgent packets", Unit::None),
    ("hot", "Hot indicators", Unit::None),
    ("num_failed_logins", "Failed logins", Unit::None),
    ("logged_in", "Logged in", Unit::Flag),
    ("num_compromised", "Compromised conditions", Unit::None),
    ("root_shell", "Root shell", Unit::Flag),
    ("su_attempted", "Attempts to become root", Unit::None),
    ("num_root", "Root accesses", Unit::None),
    ("num_file_creations", "Files created", Unit::None),
    ("num_shells", "Shell prompts", Unit::None),
    ("num_access_files", "Accesses to control files", Unit::None),
    ("num_outbound_cmds", "Outbound FTP commands", Unit::None),
    ("is_host_login", "Hot-list login", Unit::Flag),
    ("is_guest_login", "Guest login", Unit::Flag),
    ("count", "Connections to this host in 2 s", Unit::None),
    ("srv_count", "Connections to this service in 2 s", Unit::None),
    ("serror_rate", "SYN errors to this host in 2 s", Unit::Share),
    ("srv_serror_rate", "SYN errors to this service in 2 s", Unit::Share),
    ("rerror_rate", "Rejections by this host in 2 s", Unit::Share),
    ("srv_rerror_rate", "Rejections by this service in 2 s", Unit::Share),
    ("same_srv_rate", "Same service at this host in 2 s", Unit::Share),
    ("diff_srv_rate", "Other services at this host in 2 s", Unit::Share),
    ("srv_diff_host_rate", "Other hosts of this service in 2 s", Unit::Share),
    ("dst_host_count", "Recent connections to this host", Unit::None),
    ("dst_host_srv_count", "Recent connections to this host and service", Unit::None),
    ("dst_host_same_srv_rate", "Same service, recently at this host", Unit::Share),
    ("dst_host_diff_srv_rate", "Other services, recently at this host", Unit::Share),
    ("dst_host_same_src_port_rate", "Same source port, recently at this host", Unit::Share),
    ("dst_host_srv_diff_host_rate", "Other sources, recently at this service", Unit::Share),
    ("dst_host_serror_rate", "SYN errors, recently at this host", Unit::Share),
    ("dst_host_srv_serror_rate", "SYN errors, recently at this service", Unit::Share),
    ("dst_host_rerror_rate", "Rejections, recently by this host", Unit::Share),
    ("dst_host_srv_rerror_rate", "Rejections, recently by this service", Unit::Share),
];

/// `ct_…` counts among the last hundred connections.
const UNSW: &[Entry] = &[
    ("sttl", "Time to live of the source", Unit::None),
    ("dttl", "Time to live of the destination", Unit::None),
    ("sloss", "Source packets lost or resent", Unit::None),
    ("dloss", "Destination packets lost or resent", Unit::None),
    ("sload", "Load of the source", Unit::None),
    ("dload", "Load of the destination", Unit::None),
    ("swin", "TCP window of the source", Unit::None),
    ("dwin", "TCP window of the destination", Unit::None),
    ("stcpb", "TCP sequence base of the source", Unit::None),
    ("dtcpb", "TCP sequence base of the destination", Unit::None),
    ("smean", "Mean packet sent", Unit::None),
    ("dmean", "Mean packet received", Unit::None),
    ("trans_depth", "Depth of HTTP requests", Unit::None),
    ("response_body_len", "HTTP content received", Unit::None),
    ("sjit", "Jitter of the source", Unit::None),
    ("djit", "Jitter of the destination", Unit::None),
    ("sinpkt", "Time between packets sent", Unit::None),
    ("dinpkt", "Time between packets received", Unit::None),
    ("tcprtt", "TCP set-up time", Unit::None),
    ("synack", "Time from SYN to SYN-ACK", Unit::None),
    ("ackdat", "Time from SYN-ACK to ACK", Unit::None),
    ("is_sm_ips_ports", "To itself", Unit::Flag),
    ("ct_state_ttl", "Class of state and time to live", Unit::None),
    ("ct_flw_http_mthd", "HTTP methods in the flow", Unit::None),
    ("is_ftp_login", "FTP login", Unit::None),
    ("ct_ftp_cmd", "FTP commands", Unit::None),
    ("ct_srv_src", "Recent flows of this source and service", Unit::None),
    ("ct_srv_dst", "Recent flows to this destination and service", Unit::None),
    ("ct_dst_ltm", "Recent flows to this destination", Unit::None),
    ("ct_src_ltm", "Recent flows of this source", Unit::None),
    ("ct_src_dport_ltm", "Recent flows of this source to this port", Unit::None),
    ("ct_dst_sport_ltm", "Recent flows to this destination from this port", Unit::None),
    ("ct_dst_src_ltm", "Recent flows between these two", Unit::None),
    ("rate", "Packets in all per second", Unit::None),
];

const NETFLOW: &[Entry] = &[
    ("tcp_flags", "TCP flags", Unit::TcpFlags(10)),
    ("client_tcp_flags", "TCP flags of the source", Unit::TcpFlags(10)),
    ("server_tcp_flags", "TCP flags of the destination", Unit::TcpFlags(10)),
];

const AWS_VPC: &[Entry] = &[("tcp-flags", "TCP flags", Unit::TcpFlags(10))];

const SURICATA_EVE: &[Entry] = &[
    ("flow.reason", "Ended by", Unit::None),
    ("tcp.tcp_flags", "TCP flags", Unit::TcpFlags(16)),
    ("tcp.tcp_flags_ts", "TCP flags of the source", Unit::TcpFlags(16)),
    ("tcp.tcp_flags_tc", "TCP flags of the destination", Unit::TcpFlags(16)),
    ("tcp.state", "TCP state", Unit::None),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::Reader;
    use crate::schema::detect;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn every_entry_is_a_column_of_its_layout() {
        for (layout, entries, others) in [
            (Layout::NslKdd, NSL_KDD, "src_bytes dst_bytes"),
            (Layout::UnswNb15, UNSW, "sbytes dbytes"),
            (Layout::NetFlow, NETFLOW, "in_bytes out_bytes l4_dst_port in_pkts out_pkts"),
            (Layout::AwsVpc, AWS_VPC, "srcaddr dstaddr srcport dstport protocol packets bytes start action log-status"),
            (Layout::SuricataEve, SURICATA_EVE, "flow.bytes_toserver flow.bytes_toclient flow.state"),
        ] {
            let names: Vec<&str> = entries.iter().map(|(name, ..)| *name).chain(others.split(' ')).collect();
            let mut reader = Reader::new();
            reader.push(format!("{}\n{}", names.join(","), "1,".repeat(names.len() - 1) + "1\n").as_bytes()).unwrap();
            let ingested = reader.finish().unwrap();
            let schema = detect(&ingested.table, ingested.detected);
            assert_eq!(schema.layout, Some(layout));
            for ((name, label, _), spec) in entries.iter().zip(&schema.columns) {
                assert_eq!(*name, spec.canonical);
                assert!(label.starts_with(char::is_uppercase), "{label}");
            }
        }
        assert_eq!(find(Some(Layout::ZeekConn), "count"), None);
        assert_eq!(find(None, "count"), None);
    }
}
