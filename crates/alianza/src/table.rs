//! Tables for people: aligned columns, two blanks apart, numbers to the right.

/// Lays out rows under a head. A column whose cells are all numbers, dashes or percentages is aligned to the right.
pub(crate) fn lay_out(head: &[&str], rows: &[Vec<String>]) -> String {
    let columns: Vec<Column> = (0..head.len()).map(|at| Column::of(head, rows, at)).collect();
    let heads: Vec<String> = head.iter().map(|name| (*name).to_owned()).collect();
    std::iter::once(&heads).chain(rows).map(|cells| line(cells, &columns)).collect()
}

struct Column {
    width: usize,
    right: bool,
}

impl Column {
    fn of(head: &[&str], rows: &[Vec<String>], at: usize) -> Column {
        let cells = || rows.iter().filter_map(|row| row.get(at));
        let width = cells().map(|cell| cell.chars().count()).chain([head[at].chars().count()]).max().unwrap_or(0);
        Column { width, right: !rows.is_empty() && cells().all(|cell| is_number(cell)) }
    }
}

fn is_number(cell: &str) -> bool {
    !cell.is_empty() && cell.chars().all(|c| c.is_ascii_digit() || " -,.%".contains(c))
}

fn line(cells: &[String], columns: &[Column]) -> String {
    let mut line = String::new();
    for (cell, Column { width, right }) in cells.iter().zip(columns) {
        line += &if *right { format!("{cell:>width$}  ") } else { format!("{cell:width$}  ") };
    }
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::lay_out;

    #[test]
    fn columns_are_aligned() {
        let rows = [vec!["Ted".to_owned(), "16".to_owned()], vec!["Khadijah".to_owned(), "4".to_owned()]];
        assert_eq!(lay_out(&["NAME", "TOKENS"], &rows), "NAME      TOKENS\nTed           16\nKhadijah       4\n");
        assert_eq!(lay_out(&["NAME", "TOKENS"], &[]), "NAME  TOKENS\n");
    }
}
