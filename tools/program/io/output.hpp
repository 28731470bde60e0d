#pragma once
#include <string>

namespace attnpool::program {

/// What the ending of a file's name asks for.
enum class TableFormat { csv, tsv, npy };
enum class PictureFormat { png, svg, pdf };

/// .csv, .tsv or .npy; "-" and what is no regular file (a device, a named pipe) are CSV. Throws UsageError that names the
/// option and the known endings.
TableFormat table_format(const std::string& option, const std::string& path);
/// .png, .svg or .pdf.
PictureFormat picture_format(const std::string& option, const std::string& path);

inline char separator_of(TableFormat format) { return format == TableFormat::tsv ? '\t' : ','; }

/// Throws OutputError if the file system on which `path` lies has less than `bytes` free; said before anything is written.
void require_space(const std::string& path, double bytes);

/// Throws OutputError if the machine has not so much memory; `what` says for what.
void require_memory(const std::string& what, double bytes);

}  // namespace attnpool::program
