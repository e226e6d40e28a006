//! Cells as dense indexes: region × sector, the same numbers for the leaves that events count in and for everything above.

use std::sync::Arc;

use crate::event::EventTime;
use crate::tally::{Cell, Subject};
use crate::taxonomy::{RegionId, SectorId, Taxonomy};

/// Dense index of a cell, valid for one loaded taxonomy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellId(pub u32);

/// Every cell of a taxonomy, and the tallies partition in which each lives.
pub struct Cells {
    taxonomy: Arc<Taxonomy>,
    sectors: u32,
    destinations: Vec<u32>,
}

impl Cells {
    /// The cells of a taxonomy, spread over `partitions` tallies partitions.
    pub fn new(taxonomy: Arc<Taxonomy>, partitions: u32) -> Self {
        let sectors = taxonomy.sectors.len() as u32;
        let mut cells = Cells { taxonomy, sectors, destinations: Vec::new() };
        let count = cells.taxonomy.regions.len() as u32 * sectors;
        cells.destinations =
            (0..count).map(|index| Subject::Cell(cells.named(CellId(index))).partition(partitions)).collect();
        cells
    }

    /// How many there are; ids are below this.
    pub fn count(&self) -> usize {
        self.destinations.len()
    }

    /// The cell of a region and a sector.
    pub fn at(&self, region: RegionId, sector: SectorId) -> CellId {
        CellId(u32::from(region.0) * self.sectors + u32::from(sector.0))
    }

    /// Its region.
    pub fn region(&self, cell: CellId) -> RegionId {
        RegionId((cell.0 / self.sectors) as u16)
    }

    /// Its sector.
    pub fn sector(&self, cell: CellId) -> SectorId {
        SectorId((cell.0 % self.sectors) as u16)
    }

    /// The code of its region.
    pub fn region_code(&self, cell: CellId) -> &str {
        self.taxonomy.regions.code(self.region(cell))
    }

    /// The code of its sector.
    pub fn sector_code(&self, cell: CellId) -> &str {
        self.taxonomy.sectors.code(self.sector(cell))
    }

    /// Its codes, as tallies carry them.
    pub fn named(&self, cell: CellId) -> Cell {
        Cell { region: self.region_code(cell).to_owned(), sector: self.sector_code(cell).to_owned() }
    }

    /// The tallies partition in which it lives.
    pub fn destination(&self, cell: CellId) -> u32 {
        self.destinations[cell.0 as usize]
    }

    /// Calls `each` for the cell itself and every cell above it, by the regions' tree as it was at that moment.
    pub fn above(&self, cell: CellId, at: EventTime, mut each: impl FnMut(CellId)) {
        for region in self.taxonomy.regions.ancestors(self.region(cell), at) {
            for sector in self.taxonomy.sectors.ancestors(self.sector(cell)) {
                each(self.at(*region, *sector));
            }
        }
    }
}
