// What a sensor's state folder may hold as people's corrections, carried out on two devices.
#include "base/bytes.h"
#include "sensor/inventory/edits.h"
#include "sensor/inventory/inventory.h"

namespace {

namespace inventory = sensor::inventory;

inventory::Inventory two_devices() {
  inventory::Inventory made;
  for (const std::uint8_t last : {std::uint8_t{1}, std::uint8_t{2}}) {
    dissect::End end;
    end.mac = dissect::MacAddress::of(base::ByteVec{0, 0x1d, 0x9c, 0, 0, last});
    end.ip = dissect::IpAddress::of(base::ByteVec{10, 0, 0, last});
    made.seen(base::WallTime(std::chrono::seconds(last)), end, 0, 64);
  }
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const inventory::Inventory kPlant = two_devices();
  const inventory::Edits edits = inventory::Edits::parse(base::as_text({data, size}));
  ASSERT(edits.in_force().size() == edits.all().size());
  std::string lines;
  for (const inventory::Edit& edit : edits.all())
    lines += inventory::Edits::line(edit);
  const inventory::Edits again = inventory::Edits::parse(lines);
  ASSERT(again.problems().empty());
  ASSERT(again.all().size() == edits.all().size());
  ASSERT(again.in_force() == edits.in_force());
  for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{1}, edits.next_number()}) {
    const auto undone = edits.to_undo(number);
    ASSERT(!undone || edits.find(*undone) != nullptr);
  }
  const auto devices = kPlant.devices({}, edits);
  // No address is lost, and none is there twice.
  std::size_t macs = 0;
  for (const inventory::Device& device : devices)
    macs += device.macs.size();
  ASSERT(macs == 2);
  return 0;
}
