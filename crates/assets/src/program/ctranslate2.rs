//! Reading a CTranslate2 model (`model.bin`), binary version 6.
//!
//! The layout, little-endian, after OpenNMT/CTranslate2 `python/ctranslate2/specs/model_spec.py`: version, the name of
//! the specification, its revision, a count of variables, each with name, shape, type and data; then a count of
//! aliases. Two variables of equal content may be stored once, the second as an alias of the first.

use std::collections::BTreeMap;

use half::f16;

use crate::bytes::{FormatError, Reader};

const VERSION: u32 = 6;

/// What errors call the file.
const FILE: &str = "the CTranslate2 model";

/// No tensor of a Whisper model has more dimensions.
const RANK_MAX: u8 = 4;

/// A model's tensors by name, borrowed from the file's content.
#[derive(Debug)]
pub(crate) struct Model<'a> {
    variables: BTreeMap<&'a str, Tensor<'a>>,
}

/// One tensor: row-major, dimensions outermost first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tensor<'a> {
    pub(crate) shape: Vec<usize>,
    pub(crate) element: Element,
    pub(crate) data: &'a [u8],
}

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    F32,
    I8,
    I16,
    I32,
    F16,
    Bf16,
}

impl Element {
    fn from_code(code: u8) -> Option<Self> {
        [Self::F32, Self::I8, Self::I16, Self::I32, Self::F16, Self::Bf16]
            .get(usize::from(code))
            .copied()
    }

    fn bytes(self) -> usize {
        match self {
            Self::I8 => 1,
            Self::I16 | Self::F16 | Self::Bf16 => 2,
            Self::F32 | Self::I32 => 4,
        }
    }
}

impl<'a> Model<'a> {
    /// Reads the whole file.
    ///
    /// # Errors
    /// Names the byte and what is wrong there.
    pub(crate) fn read(content: &'a [u8]) -> Result<Self, FormatError> {
        let mut reader = Reader::new(FILE, content);
        let version = reader.u32()?;
        if version != VERSION {
            return Err(reader.error(format!("its format version is {version}, not {VERSION}")));
        }
        let specification = read_string(&mut reader)?;
        if specification != "WhisperSpec" {
            return Err(reader.error(format!("it holds a `{specification}`, not a `WhisperSpec`")));
        }
        let _revision = reader.u32()?;
        let mut variables = read_variables(&mut reader)?;
        read_aliases(&mut reader, &mut variables)?;
        reader.finish()?;
        Ok(Self { variables })
    }

    /// The tensor of a name.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn tensor(&self, name: &str) -> Result<&Tensor<'a>, FormatError> {
        self.variables.get(name).ok_or_else(|| missing(name))
    }

    /// Whether there is a tensor of a name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }

    /// A whole number that is stored as a tensor without dimensions.
    ///
    /// # Errors
    /// When there is none, or it is not one positive number.
    pub(crate) fn positive_number(&self, name: &str) -> Result<usize, FormatError> {
        let tensor = self.tensor(name)?;
        let number = match (tensor.element, tensor.data) {
            (Element::I8, &[byte]) => i64::from(i8::from_le_bytes([byte])),
            (Element::I16, &[low, high]) => i64::from(i16::from_le_bytes([low, high])),
            (Element::I32, &[a, b, c, d]) => i64::from(i32::from_le_bytes([a, b, c, d])),
            _ => 0,
        };
        usize::try_from(number)
            .ok()
            .filter(|&number| number > 0)
            .ok_or_else(|| FormatError {
                file: FILE,
                offset: 0,
                problem: format!("`{name}` is no positive number"),
            })
    }
}

fn missing(name: &str) -> FormatError {
    FormatError {
        file: FILE,
        offset: 0,
        problem: format!("it has no tensor `{name}`"),
    }
}

fn read_variables<'a>(reader: &mut Reader<'a>) -> Result<BTreeMap<&'a str, Tensor<'a>>, FormatError> {
    // The shortest variable: name length and its terminator, rank, type, byte count, no data.
    const LEAST_BYTES: usize = 3 + 1 + 1 + 4;
    let count = reader.u32()? as usize;
    let mut variables = BTreeMap::new();
    for _ in 0..reader.plausible(count, LEAST_BYTES)? {
        let name = read_string(reader)?;
        let tensor = read_tensor(reader, name)?;
        if variables.insert(name, tensor).is_some() {
            return Err(reader.error(format!("`{name}` occurs twice")));
        }
    }
    Ok(variables)
}

fn read_tensor<'a>(reader: &mut Reader<'a>, name: &str) -> Result<Tensor<'a>, FormatError> {
    let rank = reader.u8()?;
    if rank > RANK_MAX {
        return Err(reader.error(format!("`{name}` has {rank} dimensions")));
    }
    let mut shape = Vec::with_capacity(usize::from(rank));
    for _ in 0..rank {
        shape.push(reader.u32()? as usize);
    }
    let code = reader.u8()?;
    let element = Element::from_code(code).ok_or_else(|| reader.error(format!("`{name}` has unknown type {code}")))?;
    let announced = reader.u32()? as usize;
    let expected = shape
        .iter()
        .try_fold(element.bytes(), |bytes, &length| bytes.checked_mul(length));
    if expected != Some(announced) {
        return Err(reader.error(format!(
            "`{name}` announces {announced} bytes, which its shape {shape:?} does not give"
        )));
    }
    Ok(Tensor {
        shape,
        element,
        data: reader.take(announced)?,
    })
}

fn read_aliases<'a>(reader: &mut Reader<'a>, variables: &mut BTreeMap<&'a str, Tensor<'a>>) -> Result<(), FormatError> {
    const LEAST_BYTES: usize = 6;
    let count = reader.u32()? as usize;
    for _ in 0..reader.plausible(count, LEAST_BYTES)? {
        let alias = read_string(reader)?;
        let name = read_string(reader)?;
        let tensor = variables.get(name).cloned().ok_or_else(|| missing(name))?;
        variables.insert(alias, tensor);
    }
    Ok(())
}

/// A string with a 16-bit length that counts the NUL at its end.
fn read_string<'a>(reader: &mut Reader<'a>) -> Result<&'a str, FormatError> {
    let length = reader.u16()? as usize;
    let text = reader.text(length)?;
    text.strip_suffix('\0')
        .ok_or_else(|| reader.error("a name has no NUL at its end"))
}

impl<'a> Tensor<'a> {
    /// Splits the rows (the outermost dimension) into equal parts.
    ///
    /// # Errors
    /// When they cannot be split evenly.
    pub(crate) fn split_rows(&self, parts: usize) -> Result<Vec<Tensor<'a>>, FormatError> {
        let rows = self.shape.first().copied().unwrap_or(0);
        if rows == 0 || rows % parts != 0 || self.data.is_empty() {
            let problem = format!("a tensor of shape {:?} cannot be split into {parts} parts", self.shape);
            return Err(FormatError {
                file: FILE,
                offset: 0,
                problem,
            });
        }
        let mut shape = self.shape.clone();
        shape[0] = rows / parts;
        let chunks = self.data.chunks_exact(self.data.len() / parts);
        Ok(chunks
            .map(|data| Tensor {
                shape: shape.clone(),
                element: self.element,
                data,
            })
            .collect())
    }

    /// The elements as little-endian f32, exactly.
    ///
    /// # Errors
    /// For whole-number types, which no weight of a float model has.
    pub(crate) fn to_f32_bytes(&self) -> Result<Vec<u8>, FormatError> {
        match self.element {
            Element::F32 => Ok(self.data.to_vec()),
            Element::F16 => Ok(self
                .f16_elements()
                .flat_map(|value| value.to_f32().to_le_bytes())
                .collect()),
            other => Err(FormatError {
                file: FILE,
                offset: 0,
                problem: format!("{other:?} weights are not supported"),
            }),
        }
    }

    /// The elements as little-endian f16, only where that is exact.
    ///
    /// # Errors
    /// For every type but f16: narrowing would change the model.
    pub(crate) fn as_f16_bytes(&self) -> Result<&'a [u8], FormatError> {
        match self.element {
            Element::F16 => Ok(self.data),
            other => Err(FormatError {
                file: FILE,
                offset: 0,
                problem: format!("{other:?} weights are not float16"),
            }),
        }
    }

    /// Whether every element is zero, of either sign.
    pub(crate) fn is_all_zero(&self) -> bool {
        match self.element {
            Element::F16 => self.f16_elements().all(|value| value == f16::ZERO),
            _ => self.data.iter().all(|&byte| byte == 0),
        }
    }

    fn f16_elements(&self) -> impl Iterator<Item = f16> + use<'a> {
        self.data
            .chunks_exact(2)
            .map(|pair| f16::from_le_bytes([pair[0], pair[1]]))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Writes a model in the format that the reader expects.
    pub(crate) fn write_model(variables: &[(&str, &[u32], u8, Vec<u8>)], aliases: &[(&str, &str)]) -> Vec<u8> {
        let mut content = VERSION.to_le_bytes().to_vec();
        write_string(&mut content, "WhisperSpec");
        content.extend(3_u32.to_le_bytes());
        content.extend((variables.len() as u32).to_le_bytes());
        for (name, shape, code, data) in variables {
            write_string(&mut content, name);
            content.push(shape.len() as u8);
            content.extend(shape.iter().flat_map(|length| length.to_le_bytes()));
            content.push(*code);
            content.extend((data.len() as u32).to_le_bytes());
            content.extend(data);
        }
        content.extend((aliases.len() as u32).to_le_bytes());
        for (alias, name) in aliases {
            write_string(&mut content, alias);
            write_string(&mut content, name);
        }
        content
    }

    fn write_string(content: &mut Vec<u8>, text: &str) {
        content.extend((text.len() as u16 + 1).to_le_bytes());
        content.extend(text.as_bytes());
        content.push(0);
    }

    fn small() -> Vec<u8> {
        let halves = [1.0, -2.0, 0.5, 0.0].map(f16::from_f64).map(f16::to_le_bytes).concat();
        write_model(
            &[("heads", &[], 2, vec![6, 0]), ("weight", &[2, 2], 4, halves)],
            &[("tied", "weight")],
        )
    }

    #[test]
    fn variables_numbers_and_aliases_are_read() {
        let content = small();
        let model = Model::read(&content).expect("sound");
        assert_eq!(model.positive_number("heads"), Ok(6));
        assert_eq!(model.tensor("tied"), model.tensor("weight"));
        let rows = model.tensor("weight").expect("there").split_rows(2).expect("two rows");
        let first: Vec<u8> = [1.0_f32, -2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(rows[0].to_f32_bytes(), Ok(first));
        assert!(model.tensor("bias").is_err() && model.positive_number("weight").is_err());
    }

    #[test]
    fn every_truncation_is_one_error() {
        let content = small();
        for length in 0..content.len() {
            assert!(Model::read(&content[..length]).is_err(), "cut to {length} bytes");
        }
    }

    #[test]
    fn every_changed_byte_is_read_or_refused_without_a_panic() {
        let content = small();
        for position in 0..content.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut hostile = content.clone();
                hostile[position] = value;
                let _ = Model::read(&hostile);
            }
        }
    }

    #[test]
    fn huge_counts_and_other_versions_are_refused() {
        let mut many = small();
        // The count of variables stands after version, name of 11 letters with length and NUL, and revision.
        many[22..26].copy_from_slice(&u32::MAX.to_le_bytes());
        let error = Model::read(&many).expect_err("too many").to_string();
        assert!(error.contains("4294967295 entries"), "{error}");
        let mut other = small();
        other[0] = 5;
        assert!(
            Model::read(&other)
                .expect_err("version")
                .to_string()
                .contains("version is 5")
        );
    }

    #[test]
    fn a_shape_that_overflows_is_refused() {
        let hostile = write_model(
            &[("weight", &[u32::MAX, u32::MAX, u32::MAX, u32::MAX], 0, vec![0; 4])],
            &[],
        );
        assert!(Model::read(&hostile).is_err());
    }
}
