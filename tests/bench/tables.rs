//! Tables of a gigabyte, looked at and published, against pyarrow's CSV reader on the same file.
//!
//! `TALANOA_JUDGE` names a Python that has pyarrow; without it nothing is compared. `TALANOA_BENCH_COPIES` is the
//! size, in copies of 854,056 observations: 28 areas, 151 years, 101 ages, 2 sexes.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use talanoa_tests::{federation, program};

use crate::{Row, followers::processor_seconds};

const YEARS: u32 = 151;

struct Cost {
    seconds: f64,
    processor_seconds: f64,
    peak_mib: f64,
}

pub fn rows() -> Vec<Row> {
    let copies: u32 = std::env::var("TALANOA_BENCH_COPIES").map_or(20, |n| n.parse().unwrap());
    let root = tempfile::tempdir().unwrap();
    let (csv, xml) = (root.path().join("large.csv"), root.path().join("large.xml"));
    write(&csv, copies, csv_line, CSV_HEAD, "");
    write(&xml, copies, xml_line, XML_HEAD, "</m:DataSet></m:StructureSpecificData>\n");
    let bytes = [&csv, &xml].map(|f| f.metadata().unwrap().len() as f64 / 1e6);
    let mut rows = Vec::new();
    let python = std::env::var_os("TALANOA_JUDGE");
    let arrow = python.map(|python| {
        let script = "import sys, pyarrow.csv as c; t = c.read_csv(sys.argv[1], read_options=c.ReadOptions(use_threads=False)); print(t.num_rows)";
        run(Command::new(python).arg("-c").arg(script).arg(&csv))
    });
    let reference = |what: f64| match &arrow {
        Some(a) => (
            format!(
                "{:.0} MB/s, {:.0} MiB: pyarrow's CSV reader, one thread, the CSV",
                bytes[0] / a.processor_seconds,
                a.peak_mib
            ),
            Some(bytes[0] / a.processor_seconds / what),
        ),
        None => ("skipped: TALANOA_JUDGE is not set".to_owned(), None),
    };
    for (name, file, bytes) in
        [("SDMX-CSV 2.0", &csv, bytes[0]), ("structure-specific SDMX-ML", &xml, bytes[1])]
    {
        let cost = run(Command::new(program()).arg("inspect").arg(file));
        let rate = bytes / cost.processor_seconds;
        let (compared, ratio) = reference(rate);
        let measured =
            format!("{rate:.0} MB/s and processor, {:.1} s; {:.0} MiB", cost.seconds, cost.peak_mib);
        rows.push(Row {
            what: format!("inspect of {bytes:.0} MB of {name}"),
            measured,
            reference: compared,
            ratio,
        });
    }
    for (name, file, bytes) in
        [("SDMX-CSV 2.0", &csv, bytes[0]), ("structure-specific SDMX-ML", &xml, bytes[1])]
    {
        let [mut fj, mut spc] = federation(&root.path().join(name), ["FJ", "SPC"]);
        fj.serve();
        let before = processor_seconds(fj.pid());
        let started = Instant::now();
        fj.publish(file, "LARGE").ok();
        let seconds = started.elapsed().as_secs_f64();
        let spent = processor_seconds(fj.pid()) - before;
        let rate = bytes / spent;
        let (compared, ratio) = reference(rate);
        let measured =
            format!("{rate:.0} MB/s and processor, {seconds:.1} s; {:.0} MiB", peak_mib(fj.pid()).unwrap());
        rows.push(Row {
            what: format!("publish of {bytes:.0} MB of {name}"),
            measured,
            reference: compared,
            ratio,
        });
        fj.judge();
        spc.judge();
        let _ = std::fs::remove_dir_all(root.path().join(name));
    }
    rows
}

const CSV_HEAD: &str =
    "STRUCTURE,STRUCTURE_ID,ACTION,REF_AREA,INDICATOR,SEX,AGE,SCENARIO,TIME_PERIOD,OBS_VALUE,UNIT_MULT\n";

const XML_HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<m:StructureSpecificData xmlns:m="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message" xmlns:s="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/data/structurespecific" xmlns:c="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/common">
<m:Header><m:ID>x</m:ID><m:Test>false</m:Test><m:Prepared>2026-01-01T00:00:00</m:Prepared><m:Sender id="FJ"/><m:Structure structureID="S" dimensionAtObservation="AllDimensions"><c:StructureUsage><Ref agencyID="AP28" id="WPP_POP" version="1.0.0"/></c:StructureUsage></m:Structure></m:Header>
<m:DataSet s:structureRef="S" s:action="Replace">
"#;

/// Area, sex, age, scenario, year, value.
type Point = (u32, char, u32, u32, u32, f64);

fn csv_line(out: &mut dyn Write, (area, sex, age, scenario, year, value): Point) {
    writeln!(
        out,
        "dataflow,AP28:WPP_POP(1.0.0),R,A{area:02},POP,{sex},Y{age},S{scenario},{year},{value:.3},3"
    )
    .unwrap();
}

fn xml_line(out: &mut dyn Write, (area, sex, age, scenario, year, value): Point) {
    writeln!(
        out,
        "<Obs REF_AREA=\"A{area:02}\" SEX=\"{sex}\" AGE=\"Y{age}\" SCENARIO=\"S{scenario}\" TIME_PERIOD=\"{year}\" OBS_VALUE=\"{value:.3}\"/>"
    )
    .unwrap();
}

fn write(path: &Path, copies: u32, line: fn(&mut dyn Write, Point), head: &str, tail: &str) {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    out.write_all(head.as_bytes()).unwrap();
    for scenario in 1..=copies {
        for area in 0..28 {
            for year in 0..YEARS {
                for age in 0..101 {
                    for sex in ['M', 'F'] {
                        let value = f64::from(
                            (area * 7919 + year * 104_729 + age * 1_299_709 + scenario) % 1_000_003,
                        ) / 7.0;
                        line(&mut out, (area, sex, age, scenario, 1950 + year, value));
                    }
                }
            }
        }
    }
    out.write_all(tail.as_bytes()).unwrap();
    out.into_inner().unwrap().sync_data().unwrap();
}

/// Until it ends; processor time and memory as they were last seen before.
fn run(command: &mut Command) -> Cost {
    let started = Instant::now();
    let mut child: Child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let (mut spent, mut peak): (f64, f64) = (0.0, 0.0);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if let Some(now) = peak_mib(child.id()) {
            peak = peak.max(now);
            spent = spent.max(processor_seconds(child.id()));
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "{command:?}: {status}");
    Cost { seconds: started.elapsed().as_secs_f64(), processor_seconds: spent, peak_mib: peak }
}

/// `None`: it has ended.
pub fn peak_mib(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
}
