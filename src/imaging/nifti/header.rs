//! The header of NIfTI-1 (348 bytes) and NIfTI-2 (540 bytes), checked before anything is allocated.
//!
//! Parsed here, not by a crate: `nifti` 0.18 knows NIfTI-1 only and panics on legal headers. The fields are those of
//! `nifti1.h` and `nifti2.h` of the NIfTI Data Format Working Group.

use super::element::{Element, Order};
use crate::imaging::affine::{Affine, Space};
use crate::imaging::volume::MAX_VOXELS;

/// The longer of both headers.
pub(super) const HEADER_BYTES: usize = 540;
/// Where the voxels of a single file begin at the earliest: after the header and the mark of extensions.
const FIRST_OFFSETS: [u64; 2] = [352, 544];
/// How much longer than 1 a rotation's quaternion may be by its rounding.
const QUATERNION_SLACK: f64 = 0.01;

/// Why a header cannot be used, and what would work.
pub(super) type Refusal = (String, String);

/// What is needed of a header.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    pub version: Version,
    pub order: Order,
    /// Whether the voxels lie in a file of their own, `.img`.
    pub is_pair: bool,
    pub element: Element,
    pub size: [usize; 3],
    /// Where the voxels begin, in bytes.
    pub offset: u64,
    /// Slope and intercept of the stored numbers; `None` where they are the voxels themselves.
    pub scale: Option<[f64; 2]>,
    pub affine: Affine,
    pub placed: Placed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// What says where the voxels lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
    Sform,
    Qform,
    /// Nothing: as nibabel does, i is taken to run to the left, j to the front, k to the head, about the middle.
    Nowhere,
}

/// The bytes of a header with their order.
struct Fields<'a> {
    bytes: &'a [u8; HEADER_BYTES],
    version: Version,
    order: Order,
}

impl Header {
    /// Parses the first [`HEADER_BYTES`] bytes of a file, filled up with zeros where it is shorter.
    pub fn parse(bytes: &[u8; HEADER_BYTES], length: usize) -> Result<Header, Refusal> {
        let fields = Fields::of(bytes)?;
        let least = if fields.version == Version::One { 348 } else { 540 };
        if length < least {
            return Err(damaged(format!("it ends within its header, after {length} bytes")));
        }
        let is_pair = fields.is_pair()?;
        let element = Element::of_code(fields.datatype())?;
        let size = fields.size()?;
        let (affine, placed) = fields.affine(size)?;
        let offset = fields.offset(is_pair)?;
        let (version, order) = (fields.version, fields.order);
        let scale = fields.scale()?;
        Ok(Header { version, order, is_pair, element, size, offset, scale, affine, placed })
    }

    pub fn voxels(&self) -> usize {
        self.size.iter().product()
    }

    /// Of the stored voxels.
    pub fn bytes(&self) -> u64 {
        self.voxels() as u64 * self.element.bytes() as u64
    }
}

/// The space of a code above 0; those that no standard names are taken for another scan's.
fn space(code: i32) -> Space {
    match code {
        1 => Space::Scanner,
        3 => Space::Talairach,
        4 => Space::Mni,
        5 => Space::Template,
        _ => Space::Aligned,
    }
}

fn damaged(reason: String) -> Refusal {
    (format!("damaged NIfTI file ({reason})"), "export or copy it again".into())
}

impl<'a> Fields<'a> {
    fn of(bytes: &'a [u8; HEADER_BYTES]) -> Result<Fields<'a>, Refusal> {
        for order in [Order::Little, Order::Big] {
            for (length, version) in [(348, Version::One), (540, Version::Two)] {
                let fields = Fields { bytes, version, order };
                if fields.i32(0) == length {
                    return Ok(fields);
                }
            }
        }
        Err((
            "not a NIfTI file (the length of its header is not one of NIfTI's)".into(),
            "export it again".into(),
        ))
    }

    fn at<const N: usize>(&self, offset: usize) -> [u8; N] {
        // Offsets are constants within the header; a wrong one reads zeros, and a test sees it.
        self.bytes.get(offset..offset + N).and_then(|part| part.try_into().ok()).unwrap_or([0; N])
    }

    fn i16(&self, offset: usize) -> i16 {
        self.order.i16(self.at(offset))
    }

    fn i32(&self, offset: usize) -> i32 {
        self.order.i32(self.at(offset))
    }

    fn f32(&self, offset: usize) -> f64 {
        f64::from(self.order.f32(self.at(offset)))
    }

    fn f64(&self, offset: usize) -> f64 {
        self.order.f64(self.at(offset))
    }

    /// A number that is f32 in version 1 and f64 in version 2, at either offset.
    fn real(&self, one: usize, two: usize) -> f64 {
        match self.version {
            Version::One => self.f32(one),
            Version::Two => self.f64(two),
        }
    }

    /// The n-th of several such numbers.
    fn nth(&self, n: usize, one: usize, two: usize) -> f64 {
        self.real(one + 4 * n, two + 8 * n)
    }

    fn is_pair(&self) -> Result<bool, Refusal> {
        let magic: [u8; 8] = match self.version {
            Version::One => {
                let [a, b, c, d] = self.at::<4>(344);
                [a, b, c, d, b'\r', b'\n', 0x1a, b'\n']
            }
            Version::Two => self.at(4),
        };
        match &magic {
            b"n+1\0\r\n\x1a\n" | b"n+2\0\r\n\x1a\n" => Ok(false),
            b"ni1\0\r\n\x1a\n" | b"ni2\0\r\n\x1a\n" => Ok(true),
            [0, 0, 0, 0, ..] => {
                let reason = "an ANALYZE 7.5 header: it does not say which side is left".into();
                Err((reason, "convert it to NIfTI where its sides are known".into()))
            }
            _ => Err(damaged("its magic number is not one of NIfTI's".into())),
        }
    }

    fn datatype(&self) -> i16 {
        self.i16(if self.version == Version::One { 70 } else { 12 })
    }

    fn dimension(&self, n: usize) -> i64 {
        match self.version {
            Version::One => i64::from(self.i16(40 + 2 * n)),
            Version::Two => self.order.i64(self.at(16 + 8 * n)),
        }
    }

    fn size(&self) -> Result<[usize; 3], Refusal> {
        let rank = match usize::try_from(self.dimension(0)) {
            Ok(rank @ 1..=7) => rank,
            _ => return Err(damaged(format!("it states {} dimensions", self.dimension(0)))),
        };
        let mut sizes = [1u64; 7];
        for (n, size) in sizes.iter_mut().enumerate().take(rank) {
            let stated = self.dimension(n + 1);
            *size = u64::try_from(stated)
                .ok()
                .filter(|&size| size > 0)
                .ok_or_else(|| damaged(format!("dimension {} is {stated}", n + 1)))?;
        }
        let [i, j, k, beyond @ ..] = sizes;
        let voxels = [i, j, k].iter().try_fold(1u64, |product, &n| product.checked_mul(n));
        if beyond.iter().any(|&size| size > 1) {
            let many = beyond.iter().fold(1u64, |product, &n| product.saturating_mul(n));
            let reason = format!("the file holds {many} volumes");
            return Err((reason, "save the one you mean as a file of its own".into()));
        }
        if voxels.is_none_or(|voxels| voxels > MAX_VOXELS) {
            let reason = format!("{i}x{j}x{k} voxels are too many");
            return Err((reason, format!("at most {} million are read; crop it", MAX_VOXELS >> 20)));
        }
        // Each is at most the number of voxels.
        Ok([i, j, k].map(|n| usize::try_from(n).unwrap_or(usize::MAX)))
    }

    fn offset(&self, is_pair: bool) -> Result<u64, Refusal> {
        let stated = match self.version {
            Version::One => self.f32(108),
            // What is lost beyond 2^53 is refused below.
            Version::Two => self.order.i64(self.at(168)) as f64,
        };
        let first = if is_pair { 0 } else { FIRST_OFFSETS[usize::from(self.version == Version::Two)] };
        if stated.fract() != 0.0 || !(first as f64..=9e15).contains(&stated) {
            return Err(damaged(format!("its voxels are said to begin at byte {stated}")));
        }
        Ok(stated as u64)
    }

    /// A slope of zero says that there is none, and so does one that is not a number.
    fn scale(&self) -> Result<Option<[f64; 2]>, Refusal> {
        let [slope, intercept] = [self.real(112, 176), self.real(116, 184)];
        if slope == 0.0 || !slope.is_finite() || [slope, intercept] == [1.0, 0.0] {
            return Ok(None);
        }
        if !intercept.is_finite() {
            return Err(damaged(format!("its intercept is {intercept}")));
        }
        Ok(Some([slope, intercept]))
    }

    /// Millimetres in the unit of space that the header states; without one it is mm.
    fn millimetres(&self) -> f64 {
        let units = match self.version {
            Version::One => i32::from(self.at::<1>(123)[0]),
            Version::Two => self.i32(500),
        };
        match units & 7 {
            1 => 1e3,
            3 => 1e-3,
            _ => 1.0,
        }
    }

    fn affine(&self, size: [usize; 3]) -> Result<(Affine, Placed), Refusal> {
        let code = |one: usize, two: usize| match self.version {
            Version::One => i32::from(self.i16(one)),
            Version::Two => self.i32(two),
        };
        let [by_sform, by_qform] = [code(254, 348), code(252, 344)];
        let (rows, placed, space) = if by_sform > 0 {
            (self.sform(), Placed::Sform, space(by_sform))
        } else if by_qform > 0 {
            (self.qform()?, Placed::Qform, space(by_qform))
        } else {
            (self.centred(size)?, Placed::Nowhere, Space::Unknown)
        };
        let unit = self.millimetres();
        let affine = Affine::new(rows.map(|row| row.map(|n| n * unit))).map(|affine| affine.in_space(space));
        let remedy = || "set its sform or qform to where the voxels lie".to_string();
        Ok((affine.map_err(|reason| (reason, remedy()))?, placed))
    }

    fn sform(&self) -> [[f64; 4]; 3] {
        std::array::from_fn(|row| std::array::from_fn(|n| self.nth(row * 4 + n, 280, 400)))
    }

    /// The distance between voxels, which is only asked for where no sform says it.
    fn pixel_sizes(&self) -> Result<[f64; 3], Refusal> {
        let sizes: [f64; 3] = std::array::from_fn(|n| self.nth(n + 1, 76, 104));
        match sizes.iter().position(|size| !(size.is_finite() && *size > 0.0)) {
            None => Ok(sizes),
            Some(n) => {
                let reason =
                    format!("the spacing of its voxels along {} is {}", ["i", "j", "k"][n], sizes[n]);
                Err((reason, "set pixdim to their distance in mm".into()))
            }
        }
    }

    /// Rotation by a unit quaternion of which b, c and d are stored; `pixdim[0]` of -1 turns k round.
    fn qform(&self) -> Result<[[f64; 4]; 3], Refusal> {
        let [b, c, d]: [f64; 3] = std::array::from_fn(|n| self.nth(n, 256, 352));
        let rest = 1.0 - (b * b + c * c + d * d);
        if rest.is_nan() || rest < -QUATERNION_SLACK {
            return Err(damaged("the quaternion of its qform is longer than 1".into()));
        }
        // What rounding to f32 leaves of a half turn is none, as nibabel has it.
        let a = if rest < 3.0 * f64::from(f32::EPSILON) { 0.0 } else { rest.sqrt() };
        let length = (a * a + b * b + c * c + d * d).sqrt();
        let [a, b, c, d] = [a, b, c, d].map(|n| n / length);
        let rotation = [
            [a * a + b * b - c * c - d * d, 2.0 * (b * c - a * d), 2.0 * (b * d + a * c)],
            [2.0 * (b * c + a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d - a * b)],
            [2.0 * (b * d - a * c), 2.0 * (c * d + a * b), a * a + d * d - c * c - b * b],
        ];
        let mut sizes = self.pixel_sizes()?;
        if self.nth(0, 76, 104) == -1.0 {
            sizes[2] = -sizes[2];
        }
        Ok(std::array::from_fn(|row| {
            let [i, j, k] = rotation[row];
            [i * sizes[0], j * sizes[1], k * sizes[2], self.nth(row, 268, 376)]
        }))
    }

    fn centred(&self, size: [usize; 3]) -> Result<[[f64; 4]; 3], Refusal> {
        let [x, y, z] = self.pixel_sizes()?;
        let [a, b, c] = size.map(|n| (n as f64 - 1.0) / 2.0);
        Ok([[-x, 0.0, 0.0, x * a], [0.0, y, 0.0, -y * b], [0.0, 0.0, z, -z * c]])
    }
}
