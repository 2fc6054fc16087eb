#include "hub/uploads/blob.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace hub::uploads {
namespace {

using base::Code;

TEST(ReadBlobRequest, TakesWhatStorageClientsSend) {
  const auto blob = read_blob_request(
      "/device-uploads/press-7/logs/"
      "a%20b.txt?sv=2021-08-06&sr=b&si=id-1&se=2026-01-02T03%3A04%3A05Z"
      "&sp=cw&sig=AAEC%2FwA%3D");
  ASSERT_TRUE(blob.has_value()) << blob.error().to_string();
  EXPECT_EQ(blob->verb, BlobVerb::PutBlob);
  EXPECT_EQ(blob->blob, "press-7/logs/a b.txt");
  EXPECT_EQ(blob->upload_id, "id-1");
  EXPECT_EQ(blob->expiry, "2026-01-02T03:04:05Z");
  EXPECT_EQ(blob->signature, std::string("\0\1\2\xff\0", 5));

  const auto block = read_blob_request("/device-uploads/d/f?comp=block&blockid=QUJD&sig=AA%3D%3D");
  ASSERT_TRUE(block.has_value());
  EXPECT_EQ(block->verb, BlobVerb::PutBlock);
  EXPECT_EQ(block->block_id, "ABC");
  const auto list = read_blob_request("/device-uploads/d%2Ff?sig=AA==&comp=blocklist");
  ASSERT_TRUE(list.has_value());
  EXPECT_EQ(list->verb, BlobVerb::PutBlockList);
  EXPECT_EQ(list->blob, "d/f");
}

TEST(ReadBlobRequest, SaysInTheServicesWordsWhatIsWrong) {
  struct Case {
    std::string_view target;
    std::string_view code;
  };
  const Case cases[] = {
      {"/other/d/f?sig=AA%3D%3D", "ResourceNotFound"},
      {"/device-uploads/d/../e?sig=AA%3D%3D", "InvalidResourceName"},
      {"/device-uploads/d/%2E%2E/e?sig=AA%3D%3D", "InvalidResourceName"},
      {"/device-uploads/d//e?sig=AA%3D%3D", "InvalidResourceName"},
      {"/device-uploads/?sig=AA%3D%3D", "InvalidResourceName"},
      {"/device-uploads/d/%00?sig=AA%3D%3D", "InvalidResourceName"},
      {"/device-uploads/d/%FF?sig=AA%3D%3D", "InvalidResourceName"},
      {"/device-uploads/d/f?comp=lease&sig=AA%3D%3D", "UnsupportedQueryParameter"},
      {"/device-uploads/d/f?comp=block&sig=AA%3D%3D", "InvalidBlockId"},
      {"/device-uploads/d/f?comp=block&blockid=%21&sig=AA%3D%3D", "InvalidBlockId"},
      {"/device-uploads/d/f", "AuthenticationFailed"},
      {"/device-uploads/d/f?sig=not-base64", "AuthenticationFailed"},
  };
  for (const Case& each : cases) {
    const auto request = read_blob_request(each.target);
    ASSERT_FALSE(request.has_value()) << each.target;
    EXPECT_EQ(request.error().detail, each.code) << each.target;
  }
  EXPECT_FALSE(read_blob_request("/device-uploads/d/f?sig=" + std::string(9000, 'A')));
  const std::string long_id = base::base64_encode(base::as_bytes(std::string(65, 'x')));
  EXPECT_FALSE(
      read_blob_request("/device-uploads/d/f?sig=AA==&comp=block&blockid=" + long_id).has_value());
}

TEST(ReadBlockList, KeepsTheOrder) {
  const auto blocks = read_block_list(
      "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<BlockList>\n <Latest>QQ==</Latest>"
      "<Uncommitted> Qg== </Uncommitted><Committed>QQ==</Committed></BlockList>\r\n");
  ASSERT_TRUE(blocks.has_value()) << blocks.error().to_string();
  EXPECT_EQ(*blocks, (std::vector<std::string>{"A", "B", "A"}));
  EXPECT_TRUE(read_block_list("<BlockList></BlockList>").value().empty());
  EXPECT_TRUE(read_block_list("<BlockList />").value().empty());
}

TEST(ReadBlockList, RefusesWhatItIsNot) {
  for (const std::string_view xml :
       {"", "<", "<BlockList>", "<BlockList><Latest>QQ==</Latest>", "<BlockList><Latest>QQ==",
        "<BlockList><Latest>QQ==</Other></BlockList>", "<BlockList><Other>QQ==</Other></BlockList>",
        "<BlockList><Latest>!</Latest></BlockList>", "<BlockList><Latest></Latest></BlockList>",
        "<BlockList></BlockList>x", "<?xml <BlockList></BlockList>", "<BlockList><Latest"}) {
    EXPECT_FALSE(read_block_list(xml).has_value()) << xml;
  }
  std::string many = "<BlockList>";
  for (std::size_t i = 0; i <= kMaxBlocks; ++i)
    many += "<Latest>QQ==</Latest>";
  EXPECT_EQ(read_block_list(many + "</BlockList>").error().code, Code::TooLarge);
}

TEST(CheckBlobName, RefusesWhatIsNoName) {
  EXPECT_TRUE(check_blob_name("a/b c/ü.txt").has_value());
  for (const std::string_view name :
       {"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a\nb", "\x7f", "\xff", "./a"}) {
    EXPECT_FALSE(check_blob_name(name).has_value()) << name;
  }
  EXPECT_FALSE(check_blob_name(std::string(kMaxBlobName + 1, 'a')).has_value());
}

}  // namespace
}  // namespace hub::uploads
