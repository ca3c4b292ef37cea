//! Entries as Parquet for other engines: the columns of the view `entries`, and those of `labels`, in two files.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};
use sealbook_core::entry::Entry;

use crate::columns::{ColumnType, columns};
use crate::error::BuildError;
use crate::row::{Datum, Row, labels};
use crate::views::VIEWS_VERSION;

/// Rows of one row group. About 30 MB of a row group lie in memory before it is written.
const GROUP_ROWS: usize = 1 << 16;

/// Level 3 is zstd's own default; higher levels gained under 5 % here for several times the time.
const ZSTD_LEVEL: i32 = 3;

/// Name of the pair of the file's metadata that says which version of the columns it has.
pub const VERSION_KEY: &str = "sealbook.views";

/// Writes entries as two Parquet files. The same entries give the same bytes.
///
/// Texts are plain strings, numbers, times and flags are 64-bit integers: what the SQL of a control test expects.
pub struct ParquetWriter<W: Write + Send> {
    entries: Table<W>,
    labels: Table<W>,
    row: Row,
}

impl<W: Write + Send> ParquetWriter<W> {
    /// Begins the two files.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn new(entries: W, labels: W) -> Result<Self, BuildError> {
        let of_entries: Vec<_> = columns().iter().map(|c| (c.name.as_str(), c.kind)).collect();
        let of_labels = [("entry", ColumnType::Integer), ("name", ColumnType::Text), ("value", ColumnType::Text)];
        Ok(Self {
            entries: Table::new(entries, "entries", &of_entries)?,
            labels: Table::new(labels, "labels", &of_labels)?,
            row: Row::new(),
        })
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// When a number does not fit or a file cannot be written.
    pub fn push(&mut self, entry: &Entry) -> Result<(), BuildError> {
        self.row.read(entry)?;
        for (at, column) in self.entries.columns.iter_mut().enumerate() {
            column.add(self.row.datum(at));
        }
        self.entries.end_row()?;
        let index = self.row.datum(crate::columns::ENTRY);
        for (name, value) in labels(entry) {
            let data = [index, Datum::Text(name), Datum::Text(value)];
            for (column, datum) in self.labels.columns.iter_mut().zip(data) {
                column.add(datum);
            }
            self.labels.end_row()?;
        }
        Ok(())
    }

    /// Writes what is left, and gives the two files back: entries, labels.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn finish(self) -> Result<(W, W), BuildError> {
        Ok((self.entries.finish()?, self.labels.finish()?))
    }
}

/// One file and the row group under way.
struct Table<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    columns: Vec<Buffer>,
    rows: usize,
}

/// One column of the row group under way: values that are there, and for each row whether one is.
enum Buffer {
    Numbers(Vec<i64>, Vec<i16>),
    Texts(Vec<ByteArray>, Vec<i16>),
}

impl Buffer {
    fn add(&mut self, datum: Datum<'_>) {
        match (self, datum) {
            (Self::Numbers(values, there), Datum::Number(number)) => {
                values.push(number);
                there.push(1);
            }
            (Self::Texts(values, there), Datum::Text(text)) => {
                values.push(ByteArray::from(text));
                there.push(1);
            }
            (Self::Numbers(_, there) | Self::Texts(_, there), _) => there.push(0),
        }
    }

    fn write<W: Write + Send>(&mut self, group: &mut SerializedRowGroupWriter<'_, W>) -> Result<(), ParquetError> {
        let Some(mut column) = group.next_column()? else {
            return Err(ParquetError::General("the schema has fewer columns than the rows".to_owned()));
        };
        match self {
            Self::Numbers(values, there) => {
                column.typed::<Int64Type>().write_batch(values, Some(there), None)?;
                values.clear();
                there.clear();
            }
            Self::Texts(values, there) => {
                column.typed::<ByteArrayType>().write_batch(values, Some(there), None)?;
                values.clear();
                there.clear();
            }
        }
        column.close()
    }
}

impl<W: Write + Send> Table<W> {
    fn new(file: W, name: &str, columns: &[(&str, ColumnType)]) -> Result<Self, ParquetError> {
        let buffers = columns.iter().map(|(_, kind)| match kind {
            ColumnType::Text => Buffer::Texts(Vec::new(), Vec::new()),
            _ => Buffer::Numbers(Vec::new(), Vec::new()),
        });
        Ok(Self {
            columns: buffers.collect(),
            writer: SerializedFileWriter::new(file, schema(name, columns)?, properties()?)?,
            rows: 0,
        })
    }

    fn end_row(&mut self) -> Result<(), ParquetError> {
        self.rows += 1;
        if self.rows == GROUP_ROWS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for column in &mut self.columns {
            column.write(&mut group)?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }

    fn finish(mut self) -> Result<W, ParquetError> {
        self.flush()?;
        self.writer.into_inner()
    }
}

fn schema(name: &str, columns: &[(&str, ColumnType)]) -> Result<TypePtr, ParquetError> {
    let fields = columns.iter().map(|(name, kind)| {
        let field = match kind {
            ColumnType::Text => {
                Type::primitive_type_builder(name, Physical::BYTE_ARRAY).with_logical_type(Some(LogicalType::String))
            }
            _ => Type::primitive_type_builder(name, Physical::INT64),
        };
        field.with_repetition(Repetition::OPTIONAL).build().map(Arc::new)
    });
    let fields = fields.collect::<Result<Vec<_>, _>>()?;
    Type::group_type_builder(name).with_fields(fields).build().map(Arc::new)
}

fn properties() -> Result<WriterPropertiesPtr, ParquetError> {
    let version = KeyValue::new(VERSION_KEY.to_owned(), VIEWS_VERSION.to_string());
    let properties = WriterProperties::builder()
        .set_created_by("sealbook".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_key_value_metadata(Some(vec![version]));
    Ok(Arc::new(properties.build()))
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    use super::*;
    use crate::Sample;

    fn write(text: &str, copies: u64) -> (Vec<u8>, Vec<u8>) {
        let sample = Sample::parse(text).unwrap();
        let mut writer = ParquetWriter::new(Vec::new(), Vec::new()).unwrap();
        for copy in 0..copies {
            for entry in &sample.entries {
                let mut entry = entry.clone();
                entry.index += copy;
                writer.push(&entry).unwrap();
            }
        }
        writer.finish().unwrap()
    }

    const TWO: &str = r#"
        {"event":{"id":"é","kind":"decision","subject":{"id":"a","type":"human"},"outcome":"allow","reason":"r","context":{"mfa":true},"labels":{"k":"v"}},"sequence":7}
        {"event":{"id":"2","kind":"policy","occurred_at":"2026-01-01T00:00:00Z","subject":{"id":"b","type":"human"},"outcome":"success"}}"#;

    fn reader(bytes: &[u8]) -> SerializedFileReader<File> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        SerializedFileReader::new(file).unwrap()
    }

    #[test]
    fn what_is_written_reads_back_as_strings_and_integers() {
        let (entries, labels) = write(TWO, 1);
        let rows: Vec<_> = reader(&entries).get_row_iter(None).unwrap().map(Result::unwrap).collect();
        let get = |row: usize, name: &str| {
            let mut columns = rows[row].get_column_iter();
            columns.find(|(column, _)| *column == name).unwrap().1.clone()
        };
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].len(), columns().len());
        assert_eq!(get(0, "id"), Field::Str("é".into()));
        assert_eq!(get(0, "reason"), Field::Str("(sealed)".into()));
        assert_eq!(get(0, "context_mfa"), Field::Long(1));
        assert_eq!(get(0, "source_sequence"), Field::Long(7));
        assert_eq!(get(1, "reason"), Field::Null);
        assert_eq!(get(1, "event_at"), Field::Long(1_767_225_600_000_000));
        let labels: Vec<_> = reader(&labels).get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
        assert_eq!(labels, [r#"{entry: 0, name: "k", value: "v"}"#]);
    }

    #[test]
    fn the_same_entries_give_the_same_bytes_over_several_row_groups() {
        let copies = u64::try_from(GROUP_ROWS).unwrap() / 2 + 1;
        let (entries, labels) = write(TWO, copies);
        assert!(write(TWO, copies) == (entries.clone(), labels));
        let reader = reader(&entries);
        assert_eq!(reader.metadata().num_row_groups(), 2);
        assert_eq!(reader.metadata().file_metadata().num_rows(), i64::try_from(copies * 2).unwrap());
    }

    #[test]
    fn no_entries_give_two_empty_tables_with_every_column() {
        let (entries, _) = write("", 1);
        let reader = reader(&entries);
        assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
        assert_eq!(reader.metadata().file_metadata().schema_descr().num_columns(), columns().len());
    }
}
