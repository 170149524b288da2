class Box {
    static final String PASSWORD = "mandarin \uD83C\uDF4A\0";
    static String token = "apricot";
    String user = "melon";

    void open(java.util.Map<String, String> m) {
        m.put("colour", "quince");
        System.out.println("pl\u00fcm");
    }
}
