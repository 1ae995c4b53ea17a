/* git.exe for wine: hands its folder, variables, arguments and input to git_on_host.py, and gives back what git says. */
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

static const wchar_t *READS_INPUT[] = {L"fast-import", L"--stdin", L"-", L"mktree", L"mktag", L"apply", L"--batch", L"--batch-check"};

static void put(FILE *request, const wchar_t *text) {
    char bytes[1 << 16];
    int length = WideCharToMultiByte(CP_UTF8, 0, text, -1, bytes, sizeof bytes, NULL, NULL);
    fwrite(bytes, 1, length, request);
}

static void copy(FILE *from, FILE *to) {
    static char block[1 << 16];
    size_t length;
    while (from && (length = fread(block, 1, sizeof block, from)) > 0)
        fwrite(block, 1, length, to);
    fflush(to);
}

static FILE *beside(const wchar_t *name, const wchar_t *ending, const wchar_t *mode) {
    wchar_t path[MAX_PATH];
    swprintf(path, MAX_PATH, L"%ls%ls", name, ending);
    return _wfopen(path, mode);
}

int wmain(int count, wchar_t **arguments) {
    wchar_t folder[MAX_PATH], name[MAX_PATH], here[1 << 12];
    GetTempPathW(MAX_PATH, folder);
    GetTempFileNameW(folder, L"git", 0, name);
    GetCurrentDirectoryW(1 << 12, here);
    FILE *request = _wfopen(name, L"wb");
    put(request, here);
    for (wchar_t *each = GetEnvironmentStringsW(); *each; each += wcslen(each) + 1)
        if (!wcsncmp(each, L"GIT_", 4) || !wcsncmp(each, L"HOME=", 5))
            put(request, each);
    put(request, L"");
    int reads = 0;
    for (int i = 1; i < count; i++) {
        put(request, arguments[i]);
        for (size_t j = 0; j < sizeof READS_INPUT / sizeof *READS_INPUT; j++)
            reads |= !wcscmp(arguments[i], READS_INPUT[j]);
    }
    fclose(request);
    for (int i = 0; i < 3; i++)
        _setmode(i, _O_BINARY);
    FILE *input = beside(name, L".in", L"wb");
    if (reads)
        copy(stdin, input);
    fclose(input);

    char *(*unix_path)(const wchar_t *) = (void *)GetProcAddress(GetModuleHandleA("kernel32"), "wine_get_unix_file_name");
    LONG (*spawn)(char *const[], int) = (void *)GetProcAddress(GetModuleHandleA("ntdll"), "__wine_unix_spawnvp");
    int code = spawn((char *[]){"python3", GIT_ON_HOST, unix_path(name), NULL}, 1);
    const wchar_t *endings[] = {L".out", L".err", L".in", L""};
    for (int i = 0; i < 4; i++) {
        wchar_t path[MAX_PATH];
        swprintf(path, MAX_PATH, L"%ls%ls", name, endings[i]);
        FILE *said = i < 2 ? _wfopen(path, L"rb") : NULL;
        copy(said, i ? stderr : stdout);
        if (said)
            fclose(said);
        DeleteFileW(path);
    }
    return code;
}
