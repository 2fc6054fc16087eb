#include "agent/snapshot/packages/databases.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "agent/snapshot/packages/sbom.h"
#include "base/json.h"
#include "os/scratch_testing.h"

namespace agent::snapshot::packages {
namespace {

constexpr std::string_view kDpkg =
    "Package: libc6\nStatus: install ok installed\nMaintainer: GNU Libc <x@example.org>\n"
    "Architecture: amd64\nSource: glibc (2.36-9)\nVersion: 2.36-9+deb12u4\n"
    "Description: C library\n Version: not a field\n\n"
    "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"
    "Package: half\nStatus: install ok half-configured\nVersion: 1:2.0-3\nArchitecture: all\n\n"
    "Package: noversion\nStatus: install ok installed\n\n";

// A header as rpm stores it in its database.
base::ByteVec rpm_header(std::string_view source) {
  base::ByteWriter data;
  base::ByteWriter index;
  std::uint32_t count = 0;
  const auto entry = [&](std::uint32_t tag, std::uint32_t type) {
    index.u32be(tag);
    index.u32be(type);
    index.u32be(static_cast<std::uint32_t>(data.size()));
    index.u32be(1);
    ++count;
  };
  const auto text = [&](std::uint32_t tag, std::string_view value) {
    entry(tag, 6);
    data.text(value);
    data.u8(0);
  };
  text(1000, "vedette-demo");
  text(1001, "1.4");
  text(1002, "3");
  text(1011, "Example Works");
  text(1014, "MIT");
  text(1022, "noarch");
  text(1044, source);
  while (data.size() % 4 != 0)
    data.u8(0);
  entry(1003, 4);
  data.u32be(2);
  base::ByteWriter out;
  out.u32be(count);
  out.u32be(static_cast<std::uint32_t>(data.size()));
  out.bytes(index.view());
  out.bytes(data.view());
  return std::move(out).take();
}

base::ByteVec ndb(base::ByteView header) {
  base::ByteWriter out;
  out.text("RpmP");
  out.u32le(0);
  out.u32le(7);
  out.u32le(1);  // pages of slots
  out.bytes(base::ByteVec(16));
  const std::size_t blocks = (16 + header.size() + 16 + 15) / 16;
  out.text("Slot");
  out.u32le(1);
  out.u32le(4096 / 16);
  out.u32le(static_cast<std::uint32_t>(blocks));
  while (out.size() < 4096) {
    out.text("Slot");
    out.bytes(base::ByteVec(12));
  }
  out.text("BlbS");
  out.u32le(1);
  out.u32le(7);
  out.u32le(static_cast<std::uint32_t>(header.size()));
  out.bytes(header);
  while (out.size() < 4096 + blocks * 16)
    out.u8(0);
  return std::move(out).take();
}

TEST(ReadControl, OnlyWhatIsInstalled) {
  const Packages read = read_control(kDpkg, "dpkg");
  EXPECT_EQ(read.malformed, 1U);
  ASSERT_EQ(read.list.size(), 2U);
  EXPECT_EQ(read.list[0].name, "libc6");
  EXPECT_EQ(read.list[0].version, "2.36-9+deb12u4");
  EXPECT_EQ(read.list[0].source, "glibc");
  EXPECT_EQ(read.list[0].source_version, "2.36-9");
  EXPECT_EQ(read.list[0].status, "");
  EXPECT_EQ(read.list[1].name, "half");
  EXPECT_EQ(read.list[1].status, "half-configured");
  EXPECT_EQ(read.list[1].source, "half");
}

TEST(ReadApk, FieldsAreLetters) {
  const Packages read = read_apk(
      "C:Q1abc=\nP:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\no:musl\nm:Someone\nF:lib\nR:libc.so\n\n"
      "P:broken\n\n");
  EXPECT_EQ(read.malformed, 1U);
  ASSERT_EQ(read.list.size(), 1U);
  EXPECT_EQ(read.list[0].version, "1.2.4-r2");
  EXPECT_EQ(read.list[0].license, "MIT");
}

TEST(ReadRpmHeader, NameVersionEpochAndSource) {
  const auto package = read_rpm_header(rpm_header("demo-src-1.4-2.src.rpm"));
  ASSERT_TRUE(package) << package.error().to_string();
  EXPECT_EQ(package->name, "vedette-demo");
  EXPECT_EQ(package->version, "2:1.4-3");
  EXPECT_EQ(package->source, "demo-src");
  EXPECT_EQ(package->source_version, "1.4-2");
  EXPECT_EQ(package->license, "MIT");
  EXPECT_EQ(package->supplier, "Example Works");
  EXPECT_EQ(read_rpm_header(rpm_header("demo-1.4-3.src.rpm"))->source_version, "");
  EXPECT_EQ(read_rpm_header(rpm_header("x"))->source, "x");
}

TEST(ReadRpmHeader, RefusesDamage) {
  const base::ByteVec whole = rpm_header("demo-1.4-3.src.rpm");
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(read_rpm_header(base::ByteView(whole).first(size))) << size;
  const base::ByteVec huge = {0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0};
  EXPECT_EQ(read_rpm_header(huge).error().code, base::Code::TooLarge);
}

TEST(ReadNdb, FollowsItsSlots) {
  const base::ByteVec file = ndb(rpm_header("demo-1.4-3.src.rpm"));
  const auto read = read_ndb(file);
  ASSERT_TRUE(read) << read.error().to_string();
  ASSERT_EQ(read->list.size(), 1U);
  EXPECT_EQ(read->list[0].name, "vedette-demo");
  const auto cut = read_ndb(base::ByteView(file).first(4096 + 64));
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->malformed, 1U);
  EXPECT_FALSE(read_ndb(base::ByteView(file).first(100)));
  EXPECT_FALSE(read_ndb(base::as_bytes("none of it, certainly")));
}

class CollectTest : public ::testing::Test {
 protected:
  void write(const std::string& path, std::string_view text) {
    const std::filesystem::path file = dir_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
  }
  os::ScratchDir dir_;
};

TEST_F(CollectTest, AllManagersOfOneSystem) {
  write("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian 12\"\n");
  write("var/lib/dpkg/status", kDpkg);
  write("var/lib/dpkg/status.d/base", "Package: base-files\nVersion: 12.4\nArchitecture: amd64\n");
  write("var/lib/dpkg/status.d/base.md5sums", "00  x\n");
  write("usr/lib/opkg/status", "Package: busybox\nVersion: 1.36\nStatus: install user installed\n");
  write("lib/apk/db/installed", "P:musl\nV:1.2.4-r2\nA:x86_64\n\n");
  write("usr/lib/sysimage/rpm/Packages.db", base::as_text(ndb(rpm_header("x-1-1.src.rpm"))));
  write("var/lib/rpm/Packages", "a Berkeley DB");
  const Inventory inventory = collect(dir_.path());
  std::vector<std::string> purls;
  for (const Package& package : inventory.packages)
    purls.push_back(purl_of(package, inventory));
  EXPECT_EQ(purls, (std::vector<std::string>{
                       "pkg:apk/debian/musl@1.2.4-r2?arch=x86_64&distro=debian-12",
                       "pkg:deb/debian/base-files@12.4?arch=amd64&distro=debian-12",
                       "pkg:deb/debian/half@1:2.0-3?arch=all&distro=debian-12",
                       "pkg:deb/debian/libc6@2.36-9%2Bdeb12u4?arch=amd64&distro=debian-12",
                       "pkg:opkg/debian/busybox@1.36?distro=debian-12",
                       "pkg:rpm/debian/vedette-demo@1.4-3?arch=noarch&distro=debian-12&epoch=2"}));
  EXPECT_EQ(inventory.managers, (std::vector<std::string>{"dpkg", "opkg", "apk", "rpm"}));
  // One stanza of dpkg without a version, and the Berkeley DB.
  ASSERT_EQ(inventory.unknown.size(), 2U);

  const auto snapshot = make(dir_.path());
  const auto payload = snapshot->take();
  ASSERT_TRUE(payload);
  const auto& items = std::get<std::vector<schema::SBoM>>(*payload);
  ASSERT_EQ(items.size(), 8U);
  EXPECT_NE(schema::find(items[6].extra_details, "Unknown"), nullptr);
  EXPECT_EQ(snapshot->source().tier, "dpkg,opkg,apk,rpm");
}

// What the specification requires of the parts that are used here.
TEST_F(CollectTest, CycloneDxIsWhole) {
  write("etc/os-release", "ID=debian\nVERSION_ID=12\n");
  write("var/lib/dpkg/status", kDpkg);
  write("lib/apk/db/installed", "P:mu\"sl\nV:1\nL:MIT AND BSD\n\n");
  const Inventory inventory = collect(dir_.path());
  const auto document = base::json::parse(cyclonedx(inventory, "0.1.0", base::Guid{}, {}));
  ASSERT_TRUE(document) << document.error().to_string();
  EXPECT_EQ(document->text_or("bomFormat", ""), "CycloneDX");
  EXPECT_EQ(document->text_or("specVersion", ""), "1.5");
  EXPECT_EQ(document->text_or("serialNumber", ""), "urn:uuid:00000000-0000-0000-0000-000000000000");
  EXPECT_EQ(document->find("metadata")->text_or("timestamp", ""), "1970-01-01T00:00:00Z");
  const auto* components = document->find("components")->if_array();
  ASSERT_NE(components, nullptr);
  ASSERT_EQ(components->size(), 3U);
  std::set<std::string_view> references;
  for (const auto& component : *components) {
    EXPECT_EQ(component.text_or("type", ""), "library");
    EXPECT_NE(component.text_or("name", ""), "");
    EXPECT_TRUE(component.text_or("purl", "").starts_with("pkg:"));
    EXPECT_TRUE(references.insert(component.text_or("bom-ref", "")).second);
  }
  EXPECT_EQ((*components)[0].text_or("name", ""), "mu\"sl");
  EXPECT_EQ((*document->find("compositions")->if_array())[0].text_or("aggregate", ""),
            "incomplete");
}

TEST_F(CollectTest, NothingIsNotAnError) {
  const auto snapshot = make(dir_.path());
  const auto payload = snapshot->take();
  ASSERT_TRUE(payload);
  EXPECT_EQ(snapshot->source().tier, "none");
  EXPECT_FALSE(snapshot->source().reason.empty());
  // Nothing known is not nothing installed.
  const auto& items = std::get<std::vector<schema::SBoM>>(*payload);
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(items[0].package_manager, "*");
  EXPECT_EQ(items[0].purl, "*");
  EXPECT_NE(schema::find(items[0].extra_details, "Unknown"), nullptr);
  write("var/lib/rpm/rpmdb.sqlite", "not a database");
  const Inventory inventory = collect(dir_.path());
  EXPECT_EQ(inventory.unknown.size(), 1U);
}

}  // namespace
}  // namespace agent::snapshot::packages
