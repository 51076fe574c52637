//! The results as Markdown tables: ratios first, they travel between machines.

use std::fmt::{self, Display, Formatter};

use super::{FileTimes, Results, TrainingTimes};

impl Display for Results {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        let Self { limits, scoring, .. } = self;
        writeln!(out, "Training, one thread, batch 128, median of {} ({})\n", self.repeats, self.instructions)?;
        writeln!(
            out,
            "| Shape | fit, share of the sgemm limit | faster than PyTorch | faster than a dfdx graph | two threads |"
        )?;
        writeln!(out, "|---|---|---|---|---|")?;
        for times in &self.training {
            let graph = times.faster_than_graph.median;
            let torch = times.faster_than_torch.map_or("not measured".into(), |ratio| format!("{:.1}", ratio.median));
            let TrainingTimes { shape, fit_share_of_limit, two_threads, .. } = times;
            writeln!(
                out,
                "| {shape} | {:.0} % | {torch} | {graph:.1} | {:.2} |",
                100.0 * fit_share_of_limit.median,
                two_threads.median
            )?;
        }
        writeln!(out, "\nWhere a step's time goes\n")?;
        writeln!(out, "| Shape | forward | backward | Adam | sampling | data |")?;
        writeln!(out, "|---|---|---|---|---|---|")?;
        for TrainingTimes { shape, shares, .. } in &self.training {
            let shares = [shares.forward, shares.backward, shares.adam, shares.sampling, shares.data];
            let cells = shares.map(|share| format!("{:.1} %", 100.0 * share)).join(" | ");
            writeln!(out, "| {shape} | {cells} |")?;
        }
        writeln!(out, "\nOn this machine\n")?;
        writeln!(out, "| Shape | rows x epochs | step | as a dfdx graph | fit | PyTorch |")?;
        writeln!(out, "|---|---|---|---|---|---|")?;
        for times in &self.training {
            let torch = times.torch_fit_seconds.map_or("not measured".into(), |seconds| format!("{seconds:.2} s"));
            writeln!(
                out,
                "| {} | {} x {} | {:.1} µs | {:.1} µs | {:.3} s | {torch} |",
                times.shape,
                times.rows,
                times.epochs,
                times.step_microseconds,
                times.graph_step_microseconds,
                times.fit_seconds
            )?;
        }
        let torch = limits.sgemm_torch.map_or("not measured".into(), |speed| format!("{speed:.1}"));
        writeln!(
            out,
            "\nLimits of one core: sgemm {:.1} GFLOP/s (matrixmultiply {:.1}, gemm 0.15 {:.1}, PyTorch's BLAS {torch}); memory \
             copy {:.1} GB/s",
            limits.sgemm, limits.sgemm_matrixmultiply, limits.sgemm_gemm, limits.memory
        )?;
        writeln!(out, "\nScoring, reference network\n")?;
        writeln!(out, "| From | rows | million rows/s | beside |")?;
        writeln!(out, "|---|---|---|---|")?;
        let rows = scoring.rows;
        let share = 100.0 * scoring.share_of_limit.median;
        let rate = in_millions(1e9 / scoring.nanoseconds);
        writeln!(out, "| memory, one thread | {rows} | {rate} | {share:.0} % of the sgemm limit |")?;
        let two = scoring.two_threads.median;
        let rate = in_millions(1e9 / scoring.nanoseconds * two);
        write!(out, "| memory, two threads | {rows} | {rate} | {two:.2} times one thread |")?;
        for FileTimes {
            format,
            rows,
            reader,
            one_thread_rows_per_second,
            rows_per_second,
            over_reading,
            share_of_memory,
            ..
        } in &self.files
        {
            let rate = in_millions(*one_thread_rows_per_second);
            let over = over_reading.median;
            write!(
                out,
                "\n| {format}, whole process, one thread | {rows} | {rate} | {over:.2} times {reader}, which only read |"
            )?;
            let (rate, share) = (in_millions(*rows_per_second), 100.0 * share_of_memory);
            write!(
                out,
                "\n| {format}, whole process, all threads | {rows} | {rate} | {share:.1} % of the memory's traffic |"
            )?;
        }
        Ok(())
    }
}

fn in_millions(rows_per_second: f64) -> String {
    format!("{:.2}", rows_per_second / 1e6)
}
