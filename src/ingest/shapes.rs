//! Headerless tables that are known by their shape: the number of their fields and what stands in some of them.

use crate::schema::Layout;

/// A known headerless table.
pub struct Shape {
    pub layout: Layout,
    /// The fewest fields; a record has at most one for each name.
    least: usize,
    /// These fields hold one of these texts, whatever the case.
    tests: &'static [(usize, &'static [&'static str])],
    pub names: &'static [&'static str],
}

/// The shape of the records that are given as trimmed cells, if nine in ten have it.
#[must_use]
pub fn recognise(records: &[Vec<Vec<u8>>]) -> Option<&'static Shape> {
    SHAPES.iter().find(|shape| {
        let fits = records.iter().filter(|record| shape.fits(record)).count();
        10 * fits >= 9 * records.len() && fits > 0
    })
}

impl Shape {
    fn fits(&self, record: &[Vec<u8>]) -> bool {
        (self.least..=self.names.len()).contains(&record.len())
            && self.tests.iter().all(|&(at, texts)| {
                record.get(at).is_some_and(|cell| texts.iter().any(|text| cell.eq_ignore_ascii_case(text.as_bytes())))
            })
    }
}

const TRANSPORTS: &[&str] = &["tcp", "udp", "icmp"];
const ZERO_ONE: &[&str] = &["0", "1"];

const SHAPES: &[Shape] = &[
    Shape {
        layout: Layout::NslKdd,
        least: 41,
        tests: &[
            (1, TRANSPORTS),
            // The connection states of Bro, as KDD Cup 1999 took them over.
            (3, &["SF", "S0", "REJ", "RSTR", "RSTO", "SH", "S1", "S2", "S3", "RSTOS0", "OTH"]),
        ],
        names: &[
            "duration",
            "protocol_type",
            "service",
            "flag",
            "src_bytes",
            "dst_bytes",
            "land",
            "wrong_fragment",
            "urgent",
            "hot",
            "num_failed_logins",
            "logged_in",
            "num_compromised",
            "root_shell",
            "su_attempted",
            "num_root",
            "num_file_creations",
            "num_shells",
            "num_access_files",
            "num_outbound_cmds",
            "is_host_login",
            "is_guest_login",
            "count",
            "srv_count",
            "serror_rate",
            "srv_serror_rate",
            "rerror_rate",
            "srv_rerror_rate",
            "same_srv_rate",
            "diff_srv_rate",
            "srv_diff_host_rate",
            "dst_host_count",
            "dst_host_srv_count",
            "dst_host_same_srv_rate",
            "dst_host_diff_srv_rate",
            "dst_host_same_src_port_rate",
            "dst_host_srv_diff_host_rate",
            "dst_host_serror_rate",
            "dst_host_srv_serror_rate",
            "dst_host_rerror_rate",
            "dst_host_srv_rerror_rate",
            "class",
            "difficulty",
        ],
    },
    Shape {
        layout: Layout::UnswNb15Raw,
        least: 49,
        tests: &[
            // is_sm_ips_ports and label; the states of Argus 3.
            (
                5,
                &[
                    "FIN", "CON", "INT", "REQ", "ACC", "CLO", "RST", "ECO", "URP", "TST", "ECR", "PAR", "no", "MAS",
                    "URN", "TXD", "URH", "-",
                ],
            ),
            (35, ZERO_ONE),
            (48, ZERO_ONE),
        ],
        // UNSW-NB15_features.csv of the data set.
        names: &[
            "srcip",
            "sport",
            "dstip",
            "dsport",
            "proto",
            "state",
            "dur",
            "sbytes",
            "dbytes",
            "sttl",
            "dttl",
            "sloss",
            "dloss",
            "service",
            "Sload",
            "Dload",
            "Spkts",
            "Dpkts",
            "swin",
            "dwin",
            "stcpb",
            "dtcpb",
            "smeansz",
            "dmeansz",
            "trans_depth",
            "res_bdy_len",
            "Sjit",
            "Djit",
            "Stime",
            "Ltime",
            "Sintpkt",
            "Dintpkt",
            "tcprtt",
            "synack",
            "ackdat",
            "is_sm_ips_ports",
            "ct_state_ttl",
            "ct_flw_http_mthd",
            "is_ftp_login",
            "ct_ftp_cmd",
            "ct_srv_src",
            "ct_srv_dst",
            "ct_dst_ltm",
            "ct_src_ltm",
            "ct_src_dport_ltm",
            "ct_dst_sport_ltm",
            "ct_dst_src_ltm",
            "attack_cat",
            "Label",
        ],
    },
    Shape {
        layout: Layout::ZeekConn,
        least: 20,
        tests: &[
            (6, &["tcp", "udp", "icmp", "unknown_transport"]),
            (
                11,
                &["S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH", "-", ""],
            ),
            (12, &["T", "F", "-", ""]),
        ],
        names: &[
            "ts",
            "uid",
            "id.orig_h",
            "id.orig_p",
            "id.resp_h",
            "id.resp_p",
            "proto",
            "service",
            "duration",
            "orig_bytes",
            "resp_bytes",
            "conn_state",
            "local_orig",
            "local_resp",
            "missed_bytes",
            "history",
            "orig_pkts",
            "orig_ip_bytes",
            "resp_pkts",
            "resp_ip_bytes",
            "tunnel_parents",
        ],
    },
    Shape {
        layout: Layout::AwsVpc,
        least: 14,
        tests: &[(12, &["ACCEPT", "REJECT", "-"]), (13, &["OK", "NODATA", "SKIPDATA"])],
        // The default format, version 2.
        names: &[
            "version",
            "account-id",
            "interface-id",
            "srcaddr",
            "dstaddr",
            "srcport",
            "dstport",
            "protocol",
            "packets",
            "bytes",
            "start",
            "end",
            "action",
            "log-status",
        ],
    },
];
